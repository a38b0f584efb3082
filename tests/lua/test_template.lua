local t = require "harness"
if not pcall(require, "neap.core.taint") then
  return t.case("skipped: built without its C parts", function() end)
end
local sandbox = require "neap.engine.sandbox"
local taint = require "neap.core.taint"
local template = require "neap.template"

local function render(text, vars, words)
  return sandbox.run(nil, function() return template.render(template.compile(text, "templates/t"), vars or {}, words) end)
end

-- { name, template, variables, output }
local cases = {
  { "text is itself", "a $b {{ c }} %d %{+Q}o %[src]\n\n  x", {}, "a $b {{ c }} %d %{+Q}o %[src]\n\n  x" },
  { "an empty template", "", {}, "" },
  { "a value", "listen <%= port %>;\n", { port = 80 }, "listen 80;\n" },
  { "nothing is escaped", "<%= s %>", { s = "<a href=\"x\">&'</a>" }, "<a href=\"x\">&'</a>" },
  { "false and zero are printed", "<%= a %> <%= b %> <%= c %>", { a = false, b = 0, c = "" }, "false 0 " },
  { "numbers as Lua prints them", "<%= a %> <%= b %>", { a = 1.5, b = 10 }, "1.5 10" },
  { "a line of code leaves no line", "a\n<% if true then %>\nb\n<% end %>\nc\n", {}, "a\nb\nc\n" },
  { "nor do its blanks", "a\n  <% for i = 1, 2 do %>  \n  x<%= i %>\n\t<% end %>\nb", {}, "a\n  x1\n  x2\nb" },
  { "several on one line leave none", "a\n<% if true then %><% end %>\nb\n", {}, "a\nb\n" },
  { "code of several lines leaves none", "a\n<%\n  local x = 1\n  local y = 2\n%>\n<%= x + y %>\n", {}, "a\n3\n" },
  { "code within a line keeps the line", "a<% if false then %>b<% end %>c\n", {}, "ac\n" },
  { "a loop within a line", "<% for i = 1, 3 do %><%= i %> <% end %>\n", {}, "1 2 3 \n" },
  { "a comment leaves nothing", "a\n<%# of\nno matter %>\nb<%# x %>\n", {}, "a\nb\n" },
  { "the mark itself", "a <%% b %> c\n", {}, "a <% b %> c\n" },
  { "eating a newline", "a <%= 1 -%>\nb\n", {}, "a 1b\n" },
  { "a value alone on its line keeps the line", "<%= '' %>\n", {}, "\n" },
  { "windows' line ends stay", "a\r\n<% if true then %>\r\nb\r\n<% end %>\r\n", {}, "a\r\nb\r\n" },
  { "no newline at the end", "<% if true then %>x<% end %>", {}, "x" },
  { "brackets of long strings", "a ]] b [[ c ]=] \\n \"'\n", {}, "a ]] b [[ c ]=] \\n \"'\n" },
  { "comments in code and values", "<% local x = 1 -- one %>\n<%= x -- it %>, <%= x -- that %>\n<% if x -- a\n then %>b<% end %>", {}, "1, 1\nb" },
  { "expressions with functions", "<%= (function() return 'x' end)() %>", {}, "x" },
  { "a variable that is optional", "<%= vars('no') or 'none' %> <%= vars('a.b', 1) %>", { a = { b = 2 } }, "none 2" },
  { "walking a table in one order", "<% for k, v in pairs(t) do %><%= k %>=<%= v %> <% end %>", { t = { b = 2, a = 1 } }, "a=1 b=2 " },
}
for _, case in ipairs(cases) do
  t.case("renders: " .. case[1], function() t.equal(render(case[2], case[3]), case[4]) end)
end

-- { name, template, variables, error }
local wrong = {
  { "a variable that is not set", "a\nb <%= prot %>", { port = 1 }, "^templates/t:2: variable 'prot' is not set %(did you mean 'port'%?%)$" },
  { "a variable that nothing is like", "<%= shards %>", { port = 1 },
    "variable 'shards' is not set: one that may be missing is asked for by vars%(\"shards\", …%)$" },
  { "a field that is not set", "<% if true then %>\n<%= app.prot %>\n<% end %>", { app = { port = 1 } },
    "^templates/t:2: variable 'app.prot' is not set %(did you mean 'app.port'%?%)$" },
  { "nil", "\n\n<%= list[3] %>", { list = { 1 } }, "^templates/t:3: 'list%[3%]' is nil$" },
  { "a table", "<%= t %>", { t = {} }, "^templates/t:1: 't' is a table, which has no one text" },
  { "a function", "<%= string.rep %>", {}, "is a function" },
  { "a syntax error in its line", "a\n\n<% if x %>\n", {}, "^templates/t:3: 'then' expected near" },
  { "an error after code of several lines", "<%\n\n%>\n<%= x %>", {}, "^templates/t:4:" },
  { "an error after a comment of several lines", "<%#\n\n%>\n<%= x %>", {}, "^templates/t:4:" },
  { "a block that is not closed", "a\n<% for i = 1, 2 do %>\nb\n", {}, "^templates/t:%d+: 'end' expected" },
  { "a mark that is not closed", "a\nb <%= x", {}, "^templates/t:2: '<%%' has no '%%>'$" },
  { "Lua's own errors", "a\n<%= 1 + {} %>", {}, "^templates/t:2: attempt to perform arithmetic" },
  { "an include that goes nowhere", "\n<% if true then include 'x' end %>", {}, "^templates/t:2: 'include' among other code goes nowhere" },
  { "setting a global", "<% x = 1 %>", {}, "^templates/t:1: 'x' is no local variable" },
  { "changing a variable", "<% t.x = 1 %>", { t = { x = 0 } }, "'t.x' cannot be changed" },
  { "what a sandbox has not", "<% os.exit() %>", {}, "'os' is not set" },
}
for _, case in ipairs(wrong) do
  t.case("refuses: " .. case[1], function()
    t.raises(function() render(case[2], case[3], { include = function() end }) end, case[4])
  end)
end

t.case("a secret anywhere makes the whole a secret", function()
  local text = render("user app\npassword <%= p %>\n", { p = taint.new("hunter2", "db") })
  t.truthy(taint.is(text), "the output is a secret")
  t.equal(taint.reveal(text), "user app\npassword hunter2\n")
  t.equal(tostring(text), "user app\npassword <secret:db>\n")
  t.truthy(not taint.is(render("<%= p and 'set' %>", { p = taint.new("x", "db") })), "what only depends on one is none")
end)

t.case("included text stands in place of its line", function()
  local words = { include = function(name) return "[" .. name .. "]\n" end }
  t.equal(render("a\n  <% include \"x\" %>\nb <%= include('y') %>c\n", {}, words), "a\n  [x]\nb [y]\nc\n")
end)

t.case("any text without marks comes out as it went in", function()
  local alphabet = { "<", "%", ">", "=", "-", "#", "\n", "\r", " ", "a", "]]", "[[", "\\", "\"", "\0", "end", "é" }
  math.randomseed(1)
  for _ = 1, 3000 do
    local pieces = {}
    for i = 1, math.random(0, 12) do pieces[i] = alphabet[math.random(#alphabet)] end
    local text = table.concat(pieces)
    if not text:find("<%", 1, true) then
      t.equal(render(text), text)
    else
      -- Anything else renders or is a clean complaint with a line.
      local ok, err = pcall(render, text)
      if not ok then t.matches(err, "^templates/t:%d+: ") end
    end
  end
end)

t.case("every line of code is at its own number, whatever stands before it", function()
  local before = { "text", "<%= 1 %>", "<% local x = 1 %>", "<%# comment %>", "<%\n\n%>", "<% -- x %>", "<%= 1 -- y %> <%= 2 -- z %>", "<% -- x %>y", "<%#\n%>", "", "<%= [[\n]] %>", "a<%= 1 -%>" }
  math.randomseed(2)
  for _ = 1, 500 do
    local lines, count = {}, 1
    for i = 1, math.random(0, 8) do
      lines[i] = before[math.random(#before)] .. "\n"
      count = count + select(2, lines[i]:gsub("\n", ""))
    end
    local ok, err = pcall(render, table.concat(lines) .. "<%= not_set %>")
    t.equal(ok, false)
    t.matches(err, "^templates/t:" .. count .. ": ")
  end
end)
