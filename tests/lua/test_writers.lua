--- What is recorded of where a line stood before Neap: it is found again whether Neap's own lines are there or not.
local t = require "harness"
local edit = require "neap.edit"
local entry_of = require "neap.engine.entry"
local json = require "neap.core.json"
local origins = require "neap.engine.origins"
local taint = require "neap.core.taint"
local Types = require "neap.engine.types"

local types = Types.new()

local function resource(id, attrs)
  local name, key = id:match("^([^:]*):(.*)$")
  return { id = id, type = name, key = key, attrs = attrs, meta = {}, rtype = types:get(name) }
end

-- { [path] = bytes } of entries { id, state, genesis }.
local function recorded(entries)
  local files = {}
  for _, said in ipairs(entries) do
    local one = resource(said[1], said[2] or {})
    for root, state in pairs { [""] = said[2], ["genesis/"] = said[3] } do
      for path, bytes in pairs(entry_of.files("h", one, state, root)) do files[path] = bytes end
    end
  end
  return files
end

local function placed(entries, stood, found)
  local one = resource("line:mine", { path = "/f", match = "x" })
  local state = { path = "/f", line = "mine", stood = stood }
  return origins.placed(one, state, recorded(entries), found or {}, { host = "h", types = types }).stood
end

local function line(text, stood) return { path = "/f", line = text, stood = stood } end

-- { what, records, where it is found, where it stood }
for _, case in ipairs {
  { "below a line of others", { { "line:a", line("a", "top\n"), false } }, "b\n", "b\n" },
  { "below a line of Neap's: below that or what that stands below", { { "line:a", line("a", "m\n"), false } },
    "a\n", "a\nm\n" },
  { "below two", { { "line:a", line("a", "b\n"), false }, { "line:b", line("b", "m"), false } }, "a\n", "a\nb\nm" },
  { "below two that were said to stand below each other", { { "line:a", line("a", "b\n"), false },
    { "line:b", line("b", "a\n"), false } }, "a\n", "a\nb\na\n" },
  { "below one that begins the file", { { "line:a", line("a", ""), false } }, "a", "a" },
  { "below one that was another line before", { { "line:a", line("a=2", "m\n"), line("a=1", "m\n") } },
    "a=2\n", "a=2\na=1\nm\n" },
  { "below one that was several before", { { "line:a", line("a=2", "m\n"), line("a=1\n#a=1", "m\n") } },
    "a=2\n", "a=2\n#a=1\nm\n" },
  { "below one that was several apart: the first had its place", { { "line:a", line("a=2", "m\n"), { path = "/f",
    line = "a=1\n#a=1", stood = "m\n", apart = '[{"stood":"m\\n","text":"a=1\\n"},{"stood":"z\\n","text":"#a=1\\n"}]' } } },
    "a=2\n", "a=2\na=1\nm\n" },
  { "below one that took away what was elsewhere, and was made here", { { "line:a", line("a=2", "m\n"), line("a=1", "z\n") } },
    "a=2\n", "a=2\nm\n" },
  { "below one that was another line, and what was above that is away",
    { { "line:b", false, line("b", "m\n") }, { "line:a", line("a=2", "m\n"), line("a=1", "b\n") } },
    "a=2\n", "a=2\na=1\nm\n" },
  { "below one that was another line, and what was above that is another, too",
    { { "line:b", line("b=2", "m\n"), line("b=1", "m\n") }, { "line:a", line("a=2", "b=2\n"), line("a=1", "b=1\n") } },
    "a=2\n", "a=2\na=1\nb=2\nb=1\nm\n" },
  { "below one of which somebody has recorded what it cannot have been", { { "hosts_entry:10.0.0.1",
    { path = "/f", names = { "a" }, stood = "m\n" }, { path = "/f", stood = "m\n" } } }, "10.0.0.1\ta\n", "10.0.0.1\ta\nm\n" },
  { "below one that was there as it is", { { "line:a", line("a", "m\n"), line("a", "m\n") } }, "a\n", "a\nm\n" },
  { "below one in another file", { { "line:a", { path = "/g", line = "a", stood = "m\n" }, false } }, "a\n", "a\n" },
  { "below one that is absent now", { { "line:a", false, line("a", "m\n") } }, "a\n", "a\n" },
  { "below a block", { { "block:x", { path = "/f", comment = "#", content = "c\n", stood = "m\n" }, false } },
    "# END neap: x\n", "# END neap: x\nm\n" },
  { "below an entry of a hosts file",
    { { "hosts_entry:10.0.0.1", { path = "/f", names = { "a" }, stood = "m\n" }, false } }, "10.0.0.1\ta\n", "10.0.0.1\ta\nm\n" },
  { "below a key of somebody",
    { { "authorized_key:k", { path = "/f", user = "u", key = "ssh-rsa A", options = "restrict", stood = "m\n" }, false } },
    "restrict ssh-rsa A\n", "restrict ssh-rsa A\nm\n" },
} do
  t.case("a line stood " .. case[1], function() t.equal(placed(case[2], case[3]), case[4]) end)
end

t.case("what is Neap's is where this run has found it", function()
  local entries = { { "line:a", line("a", "m\n"), false } }
  t.equal(placed(entries, "a\n", { ["line:a"] = line("a", "n\n") }), "a\nn\n")
  t.equal(placed(entries, "a\n", { ["line:a"] = false }), "a\n")
end)

t.case("of lines that stood apart, each is told", function()
  local lines = {}
  require("neap.engine.writers").add(lines, types:get "line", "a", line("a", "m\n"), { rtype = types:get "line", key = "a", stood = "m\n" })
  local apart = '[{"stood":"a\\n","text":"x\\n"},{"stood":"z\\n","text":"y\\n"}]'
  local attrs = { path = "/f", line = "x\ny", stood = "a\n", apart = apart }
  local stood, told = require("neap.engine.writers").stood(lines, {}, types:get "line", "mine", attrs)
  t.equal({ stood, json.decode(told) }, { "a\nm\n", { { stood = "a\nm\n", text = "x\n" }, { stood = "z\n", text = "y\n" } } })
end)

t.case("what stood above a line that the same run takes away is told, too", function()
  local above = resource("line:a", { path = "/f", match = "a" })
  local found = { ["line:a"] = { path = "/f", line = "a\nb", stood = "m\n", apart =
    '[{"stood":"m\\n","text":"a\\n"},{"stood":"z\\n","text":"b\\n"}]' } }
  local function stood(told)
    return origins.placed(resource("line:mine", { path = "/f" }), line("mine", told), {}, found,
      { host = "h", types = types, resources = { above } }).stood
  end
  t.equal({ stood "a\n", stood "\nb\n" }, { "a\nm\n", "\nb\nz\n" })
end)

t.case("a secret above stays one", function()
  t.truthy(taint.is(placed({ { "line:a", line("a", "m\n"), false } }, taint.wrap("a\n", "s"))))
end)

t.case("a line of others comes back to its place when Neap's own, below which it was found, has gone", function()
  local stood = edit.stood("# top\n# middle\nnew\nold\nend\n", "line", { "old" })
  stood = placed({ { "line:n", line("new", "# middle\n"), false } }, stood)
  local change = { how = "line", marks = { "old" }, groups = edit.groups({ to = { stood = stood } }, { "old" }) }
  t.equal(edit.apply("# top\n# middle\nend\n", change), "# top\n# middle\nold\nend\n")
  t.equal(edit.apply("# top\n# middle\nnew\nend\n", change), "# top\n# middle\nnew\nold\nend\n")
end)
