--- Templates: text with Lua in it.
--     <%= expression %>   its value; nil is an error, false and 0 are printed, nothing is escaped
--     <% code %>          Lua, for loops and conditions; `<% include("other.conf") %>` puts in another template
--     <%# comment %>      nothing             <%%   the two characters <%
-- A line on which only code or comments stand leaves no line behind, so that loops can be indented and the file comes
-- out as one would have written it. `-%>` eats the newline that follows.
--
-- A template becomes a Lua chunk in which every line stands where it stood, so that Lua's own errors name it.
-- @usage
-- upstream app {
-- <% for _, h in ipairs(hosts "web") do %>
--     server <%= h.address %>:<%= app.port %>;
-- <% end %>
-- }
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local near = require "neap.near"
local sandbox = require "neap.engine.sandbox"
local taint = require "neap.core.taint"

local template = {}

local function count_newlines(s) return select(2, s:gsub("\n", "")) end

-- Text, code, expression and comment tokens; text is cut after each newline.
local function tokens_of(text, name)
  local tokens, at, line = {}, 1, 1
  local function add(kind, s, first)
    if s ~= "" or kind ~= "text" then tokens[#tokens + 1] = { kind = kind, text = s, line = first } end
  end
  local function add_text(s)
    s = s:gsub("<%%%%", "<%%")
    for piece, newline in s:gmatch("([^\n]*)(\n?)") do
      add("text", piece .. newline, line)
      if newline ~= "" then line = line + 1 end
    end
  end
  while true do
    local open = at
    repeat open = text:find("<%", open, true)
      local escaped = open and text:sub(open + 2, open + 2) == "%"
      if escaped then open = open + 3 end
    until not escaped
    if not open then break end
    add_text(text:sub(at, open - 1))
    local close = text:find("%>", open + 2, true)
    if not close then fault.raise("playbook", ("%s:%d"):format(name, line), "'<%' has no '%>'") end
    local inside = text:sub(open + 2, close - 1)
    local eats = inside:sub(-1) == "-" and inside:sub(-2) ~= "--"
    if eats then inside = inside:sub(1, -2) end
    local mark = inside:match("^[=#]")
    local kind = mark == "=" and "value" or mark == "#" and "comment" or "code"
    add(kind, mark and inside:sub(2) or inside, line)
    tokens[#tokens].eats = eats
    line = line + count_newlines(inside)
    at = close + 2
  end
  add_text(text:sub(at))
  return tokens
end

-- An include whose text would go nowhere.
local function check_include(token, name)
  local before = token.text:match("([^%s])%s*%f[%w_]include%s*[%(\"']")
  if before and not before:find("[=(,{.]") then
    fault.raise("playbook", ("%s:%d"):format(name, token.line), "'include' among other code goes nowhere: give it %s",
      "a tag of its own, <% include(...) %>")
  end
end

-- `<% include(…) %>` is meant as `<%= include(…) %>`, the line's newline being the included file's own.
local function turn_includes(tokens, name)
  for i, token in ipairs(tokens) do
    if token.kind == "code" then check_include(token, name) end
    if token.kind == "code" and token.text:find("^%s*include%s*[%(\"']") then
      token.kind, token.included = "value", true
      local after = tokens[i + 1]
      if after and after.text:find("^[ \t]*\r?\n$") then token.eats = true end
    end
  end
end

-- Whether tokens first..last, one line of output, consist of code, comments and blanks alone.
local function is_silent(tokens, first, last)
  local code = false
  for i = first, last do
    local token = tokens[i]
    if token.kind == "value" or token.kind == "text" and token.text:find("[^ \t\r\n]") then return false end
    code = code or token.kind ~= "text"
  end
  return code
end

local function trim(tokens)
  local first = 1
  for i, token in ipairs(tokens) do
    if i == #tokens or token.kind == "text" and token.text:sub(-1) == "\n" then
      if is_silent(tokens, first, i) then
        for j = first, i do
          if tokens[j].kind == "text" then tokens[j].silent = true end
        end
      end
      first = i + 1
    end
    local after = tokens[i + 1]
    if token.eats and after and after.kind == "text" and after.text:find("^[ \t]*\r?\n$") then after.silent = true end
  end
end

-- Where the string, long string or long comment that begins at `at` ends; nil where none begins there.
local function skip_quoted(code, at)
  local quote = code:match("^[\"']", at)
  if quote then
    local i = at + 1
    while i <= #code and code:sub(i, i) ~= quote do i = i + (code:sub(i, i) == "\\" and 2 or 1) end
    return i + 1
  end
  local level = code:match("^%[(=*)%[", at) or code:match("^%-%-%[(=*)%[", at)
  if level then return (select(2, code:find("]" .. level .. "]", at, true)) or #code) + 1 end
end

-- Code without a comment at its end, which would hide what follows on that line.
local function open_ended(code)
  if not code:find("--", 1, true) then return code end
  local at, line_comment = 1, nil
  while at <= #code do
    local after = skip_quoted(code, at)
    if after then
      at = after
    elseif code:find("^%-%-", at) then
      line_comment = at
      at = code:find("\n", at, true) or #code + 1
    else
      at = code:find("[\"'%[%-]", at + 1) or #code + 1
    end
  end
  if line_comment and not code:find("\n", line_comment, true) then return code:sub(1, line_comment - 1) end
  return code
end

-- The Lua text of one token. A semicolon ends code, so that what is missing there is missed on that line.
local function code_of(token, literals)
  if token.kind == "code" then return open_ended(token.text) .. ";" end
  if token.kind == "comment" then return ("\n"):rep(count_newlines(token.text)) end
  if token.kind == "value" then
    literals[#literals + 1] = token.text:match("^%s*(.-)%s*$")
    return ("__put(%d,(%s));"):format(#literals, open_ended(token.text))
  end
  local newline = ("\n"):rep(count_newlines(token.text))
  if token.silent then return newline end
  literals[#literals + 1] = token.text
  return ("__text(%d);"):format(#literals) .. newline
end

--- Compiles a template.
-- @param name what errors call it, as in "templates/app.conf"
-- @return a compiled template for render()
function template.compile(text, name)
  local tokens, literals = tokens_of(text, name), {}
  turn_includes(tokens, name)
  trim(tokens)
  local code = {}
  for i, token in ipairs(tokens) do code[i] = code_of(token, literals) end
  return { literals = literals, chunk = sandbox.compile(table.concat(code), name) }
end

-- What a value is printed as; a problem is raised at the running line of the template.
local function printed(value, expression)
  if type(value) == "string" or taint.is(value) then return value end
  if value == nil then fault.raise("playbook", sandbox.where(), "'%s' is nil", expression) end
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  local text = type(value) == "table" and not frozen.is(value) and debug.getmetatable(value) and sandbox.text(value)
  if text and text ~= "table" then return text end
  fault.raise("playbook", sandbox.where(), "'%s' is a %s, which has no one text: print its fields", expression,
    type(value))
end

local function unset(vars, words)
  return function(name)
    local names = {}
    for known in pairs(frozen.raw(vars)) do names[#names + 1] = known end
    for known in pairs(words) do names[#names + 1] = known end
    local hint = near.hint(name, names)
    if hint == "" then hint = (": one that may be missing is asked for by vars(\"%s\", …)"):format(name) end
    fault.raise("playbook", sandbox.where(), "variable '%s' is not set%s", name, hint)
  end
end

-- The environment of one rendering: variables first, then words and the safe library.
local function environment(vars, words, pieces, literals)
  local env = sandbox.environment(words, { where = sandbox.where, resolve = unset(vars, words) })
  local stand_in = frozen.is(vars) and vars or
    frozen.table(vars, { label = "variable", path = "", where = sandbox.where })
  rawset(env, "vars", stand_in)
  for _, name in ipairs(frozen.keys(vars)) do rawset(env, name, stand_in[name]) end
  rawset(env, "__text", function(i) pieces[#pieces + 1] = literals[i] end)
  rawset(env, "__put", function(i, value) pieces[#pieces + 1] = printed(value, literals[i]) end)
  return env
end

--- Renders a compiled template; call it inside sandbox.run.
-- @param vars variables by name (a plain or a frozen table)
-- @param words further names: host, site, include and the like
-- @return a string, or a secret where anything in it is one
function template.render(compiled, vars, words)
  local pieces = {}
  local env = environment(vars, words or {}, pieces, compiled.literals)
  sandbox.instance(compiled.chunk, env)()
  for _, piece in ipairs(pieces) do
    if type(piece) ~= "string" then return taint.concat(pieces, "") end
  end
  return table.concat(pieces)
end

return template
