--- string.find, match, gmatch and gsub for the sandbox: as Lua's own, but bounded.
-- A pattern that would run for hours ends with an error instead; Lua's own matcher cannot be stopped.
local match = require "neap.core.match"
local exec = match.exec
-- In the sandbox the methods of strings are these very functions, so Lua's own are called by name here.
local find, sub, gsub, format = string.find, string.sub, string.gsub, string.format

local patterns = {}

-- Where a pattern can take few steps only, Lua's own matcher is safe, and faster.
match.safe_steps = 100000 -- a field of the module, so that tests can have it 0

-- A start position as Lua's functions take it: counted from the end where negative.
local function start_of(s, init)
  init = init or 1
  if init < 0 then return math.max(1, #s + init + 1) end
  return math.max(1, init)
end

local function text(v, index, name)
  if type(v) == "string" then return v end
  if type(v) == "number" then return tostring(v) end
  local got = v == nil and "no value" or type(v)
  error(format("bad argument #%d to '%s' (string expected, got %s)", index, name, got), 4)
end

function patterns.find(s, pattern, init, plain)
  s, pattern = text(s, 1, "find"), text(pattern, 2, "find")
  if plain or not find(pattern, "[%^%$%*%+%?%.%(%[%%%-]") then return find(s, pattern, init, true) end
  return exec(s, pattern, start_of(s, init), -1, false)
end

local function captures(first, last, ...)
  if not first then return nil end
  return first, last, select("#", ...) > 0, ...
end

local function only_captures(s, first, last, captured, ...)
  if not first then return nil end
  if captured then return ... end
  return sub(s, first, last)
end

function patterns.match(s, pattern, init)
  s, pattern = text(s, 1, "match"), text(pattern, 2, "match")
  return only_captures(s, captures(exec(s, pattern, start_of(s, init), -1, false)))
end

function patterns.gmatch(s, pattern, init)
  s, pattern = text(s, 1, "gmatch"), text(pattern, 2, "gmatch")
  local at, last = start_of(s, init), -1
  local function go_on(first, ended, ...)
    if not first then
      at = #s + 2
      return nil
    end
    at, last = ended + 1, ended
    return only_captures(s, captures(first, ended, ...))
  end
  return function()
    if at > #s + 1 then return nil end
    return go_on(exec(s, pattern, at, last, true))
  end
end

-- The text that %0 to %9 and %% make of a match.
local function filled(template, whole, list, n)
  if not find(template, "%", 1, true) then return template end
  return (gsub(template, "%%(.?)", function(c)
    if c == "%" then return "%" end
    local i = math.tointeger(tonumber(c))
    if not i then error("invalid use of '%' in replacement string", 0) end
    if i == 0 or i == 1 and n == 0 then return whole end
    if i > n then error(format("invalid capture index %%%d in replacement string", i), 0) end
    return tostring(list[i])
  end))
end

local function replacement(repl, whole, ...)
  local n = select("#", ...)
  local value
  if type(repl) == "string" then
    value = filled(repl, whole, { ... }, n)
  elseif type(repl) == "table" then
    value = repl[n > 0 and (...) or whole]
  elseif n > 0 then
    value = repl(...)
  else
    value = repl(whole)
  end
  if not value then return whole end
  if type(value) ~= "string" and type(value) ~= "number" then
    error(format("invalid replacement value (a %s)", type(value)), 0)
  end
  return value
end

function patterns.gsub(s, pattern, repl, most)
  s, pattern = text(s, 1, "gsub"), text(pattern, 2, "gsub")
  if type(repl) == "number" then repl = tostring(repl) end
  if type(repl) ~= "string" and type(repl) ~= "table" and type(repl) ~= "function" then
    error(format("bad argument #3 to 'gsub' (string/function/table expected, got %s)", type(repl)), 3)
  end
  local anchored, pieces = sub(pattern, 1, 1) == "^", {}
  local at, last, count = 1, -1, 0
  local function one(first, ended, ...)
    if not first then return false end
    pieces[#pieces + 1] = sub(s, at, first - 1)
    pieces[#pieces + 1] = replacement(repl, sub(s, first, ended), ...)
    at, last, count = ended + 1, ended, count + 1
    return true
  end
  while count < (most or math.huge) and at <= #s + 1 do
    if not one(exec(s, pattern, at, last, false)) or anchored then break end
  end
  pieces[#pieces + 1] = sub(s, at)
  return table.concat(pieces), count
end

for _, name in ipairs { "find", "match", "gmatch", "gsub" } do
  patterns[name] = match.either(string[name], patterns[name], match)
end

return patterns
