local t = require "harness"
local diff = require "neap.core.diff"
local taint = require "neap.core.taint"

local function numbers(from, to, change)
  local lines = {}
  for i = from, to do lines[#lines + 1] = (change and change[i]) or tostring(i) end
  return table.concat(lines, "\n") .. "\n"
end

local cases = {
  { "equal texts", "a\n", "a\n", "" },
  { "nothing and something", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n" },
  { "something and nothing", "a\n", "", "@@ -1 +0,0 @@\n-a\n" },
  { "a changed line with its context", numbers(1, 9), numbers(1, 9, { [5] = "five" }),
    "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n" },
  { "two places", numbers(1, 20), numbers(1, 20, { [2] = "two", [19] = "x" }),
    "@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -16,5 +16,5 @@\n 16\n 17\n 18\n-19\n+x\n 20\n" },
  { "a last line without a newline", "a\nb", "a\nb\n", "@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n" },
  { "no newline on either side", "a", "b",
    "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n" },
  { "a function's name does not stand in the head", "int f(void)\n" .. numbers(1, 9),
    "int f(void)\n" .. numbers(1, 9, { [8] = "x" }), "@@ -6,5 +6,5 @@\n 5\n 6\n 7\n-8\n+x\n 9\n" },
}
for _, case in ipairs(cases) do
  t.case(case[1], function() t.equal(diff.unified(case[2], case[3]), case[4]) end)
end

t.case("labels and context", function()
  t.equal(diff.unified(numbers(1, 5), numbers(1, 5, { [3] = "x" }), { context = 0, old_label = "a/f", new_label = "b/f" }),
    "--- a/f\n+++ b/f\n@@ -3 +3 @@\n-3\n+x\n")
  t.equal(diff.unified("", "x\n", { new_label = "f" }), "--- /dev/null\n+++ f\n@@ -0,0 +1 @@\n+x\n")
end)

t.case("no text, or too much of it, has no diff by line", function()
  t.equal({ diff.unified("a\0b", "a") }, { nil, "binary" })
  t.equal({ diff.unified("", "\0") }, { nil, "binary" })
  t.equal({ diff.unified(("x\n"):rep(300000), "y") }, { nil, "large" })
  t.equal(diff.unified("a\0b", "a\0b"), "")
end)

t.case("patch(1) makes the new text of the old one", function()
  local old, new = numbers(1, 300), numbers(1, 290, { [1] = "eins", [100] = "hundert\nund", [200] = "zwei" }) .. "no newline"
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(old)
  file:close()
  local pipe = assert(io.popen("patch -s " .. path, "w"))
  pipe:write(diff.unified(old, new, { old_label = "a", new_label = "b" }))
  t.truthy(pipe:close())
  file = assert(io.open(path))
  t.equal(file:read("a"), new)
  file:close()
  os.remove(path)
end)

local db = taint.new("hunter2!", "db")
local tls = taint.new("-----BEGIN-----\nqwertyuiopasdfghjkl\nzxcvbnm,asdfghjkl\n-----END-----", "tls")
local secret_cases = {
  { "another value on the host is not shown", "user=me\npassword=y3sterday;\n", "user=me\npassword=" .. db .. ";\n",
    " user=me\n-password=<secret: another value>;\n+password=<secret:db>;\n" },
  { "a value that is known carries its name", "p=hunter2!\n", "p=" .. taint.new("today-9", "new") .. "\n",
    "-p=<secret:db>\n+p=<secret:new>\n" },
  { "a line that says other things is withheld", "requirepass y3sterday\n", "password " .. db .. "\n",
    "-<withheld: it may hold a secret>\n+password <secret:db>\n" },
  { "two secrets in a line", "a:x:b:y:c\n", "a:" .. db .. ":b:" .. db .. ":c\n",
    "-a:<secret: another value>:b:<secret: another value>:c\n+a:<secret:db>:b:<secret:db>:c\n" },
  { "what a setting was that is plain now", "workers=2\nmode a\np=old\n", "workers=4\nmode b\np=" .. db .. "\n",
    "-workers=2\n-mode a\n-p=<secret: another value>\n+workers=4\n+mode b\n+p=<secret:db>\n" },
  { "a line that goes and nothing comes", "a\np1=y3sterday\np2=x\n", "a\np2=" .. db .. "\n",
    " a\n-<withheld: it may hold a secret>\n-p2=<secret: another value>\n+p2=<secret:db>\n" },
  { "a secret that moves into a file of its own", "password=y3sterday\n" .. numbers(1, 9) .. "p=" .. db, "password_file=/x\n" ..
    numbers(1, 9) .. "p=" .. db, "-<withheld: it may hold a secret>\n+password_file=/x\n 1\n 2\n 3\n" },
  { "brackets", "{\n  x\n}\np=" .. db .. "\n", "p=" .. db .. "\n", "-{\n-  x\n-}\n p=<secret:db>\n" },
  { "a key of several lines", "-----BEGIN-----\nold1\nold2\n-----END-----\n", tls .. "\n",
    "-<secret: another value>\n+<secret:tls>\n" },
  { "a file that is new", "", "p=" .. db .. "\n", "+p=<secret:db>\n" },
  { "a sealed record against a plain text", taint.wrap("p=gone-secret\n", "record"), "p=\n",
    "-<secret:record>\n+p=\n" },
  { "a file that is a secret, whose newline is part of it", "", taint.new("qwertz-uiop\nasdf-ghjk\n", "key"),
    "+<secret:key>\n" },
  { "a file that is a secret without a newline", "", taint.new("qwertz-uiop", "token"),
    "+<secret:token>\n\\ No newline at end of file\n" },
  { "an old value at the end of a text without a newline", "p=old", "p=" .. db,
    "-p=<secret: another value>\n\\ No newline at end of file\n+p=<secret:db>\n\\ No newline at end of file\n" },
}
for _, case in ipairs(secret_cases) do
  t.case("secrets: " .. case[1], function()
    t.equal(diff.unified(case[2], case[3]):gsub("@@ [^\n]*\n", ""), case[4])
  end)
end

t.case("secrets: equal clear text has no diff, and what differs has one", function()
  t.equal(diff.unified("p=hunter2!", "p=" .. db), "")
  t.equal(diff.unified("p=" .. taint.new("value-one", "same"), "p=" .. taint.new("value-two", "same")),
    "\\ only the values of secrets differ\n")
end)
