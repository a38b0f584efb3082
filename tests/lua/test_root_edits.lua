-- Parts of files (line, block, hosts_entry): under each shell, what is wanted is what is there after, and nothing
-- else in the file moved; the edit in Lua, which the plan's model uses, and the one in awk agree.
local t = require "harness"
local edit = require "neap.edit"
local Host = require "local_host"
local taint = require "neap.core.taint"
local types = require "types_run"

local function line(attrs, absent)
  attrs.path = "@f"
  return { { "line", "x", attrs, absent = absent } }
end

local function block(attrs, absent)
  attrs.path = "@f"
  return { { "block", "x", attrs, absent = absent } }
end

local function hosts(address, names, absent)
  return { { "hosts_entry", address, { names = names, path = "@f" }, absent = absent } }
end

local BLOCK = "# BEGIN neap: x\nb1\n# END neap: x"

local cases = {
  { "line: at the end", "printf 'a\nb\n' >f", line { line = "c d" }, "cat f", "a\nb\nc d" },
  { "line: a last line without its newline", "printf 'a\nb' >f", line { line = "c" }, "cat f", "a\nb\nc" },
  { "line: into an empty file", ": >f", line { line = "c" }, "cat f", "c" },
  { "line: is there", "printf 'a\nc\n' >f", line { line = "c" }, "cat f", "a\nc", nothing = true },
  { "line: below another", "printf 'a\nm\nb\nm\nz\n' >f", line { line = "c", below = "m" },
    "cat f", "a\nm\nb\nm\nc\nz" },
  { "line: replaces the first match and drops the others", "printf '#P yes\na\nP maybe\nP yes\nb\n' >f",
    line { line = "P no", match = "^#?P " }, "cat f", "P no\na\nb" },
  { "line: keeps mode and owner", "echo a >f; chown 1:2 f; chmod 640 f", line { line = "c" },
    "stat -c %a:%u:%g f", "640:1:2" },
  { "line: keeps extended attributes", [[echo a >f; python3 -c 'import os; os.setxattr("f", "user.note", b"ours")']],
    line { line = "c" }, [[python3 -c 'import os; print(os.listxattr("f"))']], "['user.note']" },
  { "line: special characters", "printf 'a\\\\b\n' >f", line { line = "x\\n&'\"$y %s" },
    "cat f", "a\\b\nx\\n&'\"$y %s" },
  { "line: with a secret", "echo p=old >f", line { line = taint.wrap("p=hush", "s"), match = "^p=" },
    "cat f", "p=hush" },
  { "line: no file", "", line { line = "c" }, error = "f' does not exist and no resource makes it" },
  { "line: makes the file", "", line { line = "c", create = true }, "stat -c %a f; cat f", "644\nc" },
  { "line: a link is not followed", "touch t; ln -s t f", line { line = "c" }, error = "name the file itself" },
  { "line: not in a binary", "printf 'a\\0b' >f", line { line = "c" }, error = "no text file" },
  { "line: two in one file, of one plan", "echo a >f",
    { { "line", "1", { path = "@f", line = "b" } }, { "line", "2", { path = "@f", line = "c", below = "a" } } },
    "cat f", "a\nc\nb" },
  { "line: in a file of the same plan", "",
    { { "file", "f", { content = "a\n" } }, { "line", "2", { path = "@f", line = "c" } } },
    "cat f", "a\nc", once = true },
  { "absent.line", "printf 'a\nc\nb\nc\n' >f", line({ line = "c" }, true), "cat f", "a\nb" },
  { "absent.line: by pattern", "printf 'a\nx1\nb\nx2\n' >f", line({ match = "^x" }, true), "cat f", "a\nb" },
  { "absent.line: no file", "", line({ line = "c" }, true), "ls -A", "", nothing = true },
  { "absent.line: says neither line nor match", "", line({}, true), error = "say its path, and line or match" },

  { "block: at the end", "printf 'a\n' >f", block { content = "b1\n" }, "cat f", "a\n" .. BLOCK },
  { "block: below a line", "printf 'a\nz\n' >f", block { content = "b1", below = "a" },
    "cat f", "a\n" .. BLOCK .. "\nz" },
  { "block: other content in its place", "printf 'a\n# BEGIN neap: x\nold\nolder\n# END neap: x\nz\n' >f",
    block { content = "b1" }, "cat f", "a\n" .. BLOCK .. "\nz" },
  { "block: empty", ": >f", block { content = "" }, "cat f", "# BEGIN neap: x\n# END neap: x" },
  { "block: another comment", ": >f", block { content = "b", comment = "<!-- %s -->" }, "head -n 1 f",
    "<!-- BEGIN neap: x -->" },
  { "block: another comment than it has", "printf 'a\n; BEGIN neap: x\nold\n; END neap: x\nz\n' >f", block { content = "b1" },
    "cat f", "a\n" .. BLOCK .. "\nz" },
  { "block: another of nearly the same name", "printf '; BEGIN neap: x y\nold\n; END neap: x y\n' >f",
    block { content = "b1" }, "cat f", "; BEGIN neap: x y\nold\n; END neap: x y\n" .. BLOCK },
  { "absent.block: whatever its comment", "printf 'a\n/* BEGIN neap: x */\nold\n/* END neap: x */\nz\n' >f", block({}, true),
    "cat f", "a\nz" },
  { "block: a secret in a new file", "", block { content = taint.wrap("b1", "s"), create = true },
    "stat -c %a f; cat f", "600\n" .. BLOCK },
  { "block: never ends", "printf '# BEGIN neap: x\na\n' >f", block { content = "b1" }, error = "never ends" },
  { "absent.block", "printf 'a\n# BEGIN neap: x\nold\n# END neap: x\nz\n' >f", block({}, true), "cat f", "a\nz" },

  { "hosts_entry: a new one", "printf '127.0.0.1 localhost\n' >f", hosts("10.0.0.1", { "db1.x", "db1" }), "cat f",
    "127.0.0.1 localhost\n10.0.0.1\tdb1.x db1" },
  { "hosts_entry: several lines become one", "printf '10.0.0.1 a # c\n10.0.0.11 b\n 10.0.0.1\tc\n' >f",
    hosts("10.0.0.1", { "a" }), "cat f", "10.0.0.1\ta\n10.0.0.11 b" },
  { "absent.hosts_entry", "printf '10.0.0.1 a\n10.0.0.11 b\n' >f", hosts("10.0.0.1", nil, true), "cat f",
    "10.0.0.11 b" },
}

types.all(t, cases)

-- An entry of /etc/hosts that goes back keeps its blanks and comments.
t.case("hosts_entry: goes back as it was written", function()
  local rtype = require "neap.types.hosts_entry"
  local found = { names = { "a" }, path = "/etc/hosts", stood = "", text = "10.0.0.1   a # mine" }
  local function written(to, from)
    local change = { kind = from and "update" or "create", to = to, from = from, differs = { names = true } }
    return rtype.steps("10.0.0.1", change)[1].stdin
  end
  t.matches(written(found), "\n10.0.0.1   a # mine\n")
  t.matches(written({ names = { "b" }, path = "/etc/hosts", text = found.text }, found), "\n10.0.0.1\tb\n")
end)

-- A change of one group of lines.
local function whole(change)
  local group = { lines = change.lines, below = change.below or {}, top = change.top, move = change.move }
  return { how = change.how, marks = change.marks, there = change.there, groups = change.groups or { group } }
end

-- The same edit by awk and in Lua.
local texts = {
  "", "a\n", "a\nm\nb", "m\na b\n\nm\n", "x 1\ny\nx 2\n", "B\ni\nE\nz\n", "\n\n", "x", "m\n\na\n\nm\n\n", "1\n1.0\n2 x\n01\n",
}
local changes = {
  { how = "line", marks = { "x" }, lines = { "new" } }, { how = "line", marks = { "m" }, lines = { "n1", "n2" } },
  { how = "line", marks = { "q" }, lines = { "new" }, below = { "m" } }, { how = "line", marks = { "a" }, lines = {} },
  { how = "first", marks = { "x" }, lines = { "x y" } }, { how = "word", marks = { "b" }, lines = { "w" } },
  { how = "block", marks = { "B", "E" }, lines = { "B", "k", "E" }, below = { "a" } },
  { how = "line", marks = { "q" }, lines = { "new" }, top = true },
  { how = "line", marks = { "x" }, lines = { "new" }, below = { "a" }, move = true },
  { how = "line", marks = { "b" }, lines = { "new" }, top = true, move = true },
  { how = "line", marks = { "m" }, lines = { "new" }, below = { "gone" }, move = true },
  { how = "line", marks = { "q" }, lines = { "new" }, below = { "gone", "", "m" } },
  { how = "line", marks = { "a" }, lines = { "new" }, below = { "m", "a b", "m" }, top = true, move = true },
  { how = "line", marks = { "1.0" }, lines = { "new" }, below = { "2" } },
  { how = "first", marks = { "2.0" }, lines = { "new" }, below = { "01" } },
  { how = "line", marks = { "q" }, lines = { "new" }, below = { "", "m" }, top = true },
  { how = "line", marks = { "m" }, groups = {
    { lines = { "n1", "n2" }, below = { "a" }, move = true }, { lines = {}, below = {}, move = true },
    { lines = { "n3" }, below = { "gone" }, top = true, move = true }, { lines = { "n4" }, below = { "a" }, move = true },
  } },
}

-- { how, marks, text, where they stood apart }
for _, case in ipairs {
  { "line", { "m" }, "a\nm\nb\n", "" }, { "line", { "m", "n" }, "a\nm\nn\nb\n", "" }, { "line", { "q" }, "a\n", "" },
  { "line", { "m", "n" }, "m\na\nn\nb\n" }, { "line", { "m" }, "a\nm\nb\n\nm\nm\n" }, { "line", { "m" }, "a\nm\nm\nb\n" },
  { "first", { "m" }, "m 1\na\nm 2\nm 2\n\n\nm 3\nb\n" },
} do
  t.case("lines that stood apart come back each to its place: " .. case[3]:gsub("\n", "|"), function()
    local apart = edit.apart(case[3], case[1], case[2])
    if case[4] then return t.equal(apart, case[4]) end
    local change, all = { how = case[1], marks = case[2] }, edit.find(case[3], case[1], case[2])
    change.groups = edit.groups({ to = { apart = apart, stood = "" } }, {}, function(lines) t.equal(lines, all) return true end)
    t.equal(edit.apply(edit.apply(case[3], whole { how = case[1], marks = case[2], lines = {} }), change), case[3])
  end)
end

t.case("lines that stood apart and are not what is wanted stay away", function()
  local apart = edit.apart("m\na\nm\n", "line", { "m" })
  local function count(change, fits) return #edit.groups(change, { "m" }, fits and function() return fits == "yes" end) end
  local to = { apart = apart, stood = "" }
  t.equal({ count({ to = to }, "yes"), count({ to = to }, "no"), count({ to = to, from = to }, "yes"), count({ to = to }) }, { 2, 1, 1, 1 })
  for _, said in ipairs { '[{"stood":1}]', '[{"stood":"","text":"x"}]', "[]", "[", "7" } do
    t.equal(count({ to = { apart = said, stood = "" } }, "yes"), 1)
  end
end)

local function agree(host, text, change)
  change = whole(change)
  change.there = edit.find(text, change.how, change.marks) ~= nil
  local f = assert(io.open(host.dir .. "/f", "wb"))
  f:write(text)
  f:close()
  local step = edit.step(host.dir .. "/f", change)
  local r = host:request { script = step.run, stdin = step.stdin }
  t.equal(r.rc, 0, r.err)
  local after = assert(io.open(host.dir .. "/f", "rb"))
  t.equal(after:read("a"), edit.apply(text, change))
  after:close()
end

-- { how, marks, text, where they stood }
for _, case in ipairs {
  { "line", { "b" }, "a\nb\nc\n", "a" }, { "line", { "a" }, "a\nb\n", "" }, { "line", { "b" }, "\nb\n", "\n" },
  { "line", { "c" }, "a\nb\nc\nd\n", "b\n" }, { "line", { "q" }, "a\n", nil },
  { "block", { "B", "E" }, "x\nB\ni\nE\nz\n", "x" }, { "first", { "10.0.0.1" }, "h\n10.0.0.1 a\n", "h" },
  { "line", { "b" }, "#\nb\n#\nc\n#\n", "#" }, { "line", { "c" }, "#\na\n#\nc\n#\n", "#\na\n" },
  { "line", { "b" }, "# 1\n\nx\n\nb\n# 2\n\nx\n\n", "\nx\n\n# 1" },
  { "block", { "B", "E" }, "}\nx\n}\nB\ni\nE\n}\n", "}\nx\n" },
} do
  t.case("lines that were taken away come back where they stood: " .. case[3]:gsub("\n", "|"), function()
    t.equal(edit.stood(case[3], case[1], case[2]), case[4])
    if not case[4] then return end
    local ours = edit.find(case[3], case[1], case[2])
    local without = edit.apply(case[3], whole { how = case[1], marks = case[2], lines = {} })
    local groups = edit.groups({ to = { stood = case[4] } }, ours)
    t.equal(edit.apply(without, { how = case[1], marks = case[2], groups = groups }), case[3])
  end)
end

t.case("lines that go back to where they stood are moved, where that is known and another place", function()
  local text, change = "a\nb\nc\nd\n", { how = "line", marks = { "d" } }
  local function moved(from, to)
    change.groups = edit.groups({ from = { stood = from }, to = { stood = to } }, { "D" })
    return edit.apply(text, change)
  end
  t.equal(moved("c\n", "a\n"), "a\nD\nb\nc\n")
  t.equal(moved("c\n", ""), "D\na\nb\nc\n")
  t.equal(moved("c\n", "gone\n"), "a\nb\nc\nD\n")
  t.equal(moved("c\n", "c\n"), "a\nb\nc\nD\n")
end)

if Host.is_root() then
  t.case("the edit on the host is the edit in the model", function()
    local host = Host.new {}
    for _, text in ipairs(texts) do
      for _, change in ipairs(changes) do agree(host, text, change) end
    end
    host:close()
  end)

  t.case("a file that was made for lines goes with the last of them, on the way back", function()
    local host = Host.new {}
    local path = host.dir .. "/f"
    local function take(text, around)
      local change = { kind = "delete", from = { path = path, line = text }, resource = { before = { around = around } } }
      local step = require("neap.types.line").steps("x", change)[1]
      t.equal(host:request({ script = step.run, stdin = step.stdin }).rc, 0)
    end
    host:sh("printf 'a\nb\n' >f")
    take("a", { file = false })
    t.equal(host:sh("cat f"), "b")
    take("b", { file = false })
    t.equal(host:sh("ls -A"), "")
    host:sh("printf 'a\n' >f")
    take("a", nil)
    t.equal(host:sh("ls -A"), "f")
    host:close()
  end)

  t.case("an edit of lines that have moved is refused", function()
    local host = Host.new {}
    host:sh("echo a >f")
    local step = edit.step(host.dir .. "/f", whole { how = "line", marks = { "b" }, lines = { "c" }, there = true })
    local r = host:request { script = step.run, stdin = step.stdin }
    t.equal(r.rc, 75)
    t.matches(r.err, "plan again")
    t.equal(host:sh("ls -A; cat f"), "f\na")
    host:close()
  end)
end
