--- Parts of files and the whole of them, on their way back.
local t = require "harness"
local fake = require "fake_host"
local Model = require "neap.engine.model"
local parts = require "neap.engine.parts"
local rollback = require "neap.engine.rollback"

local shipped = { file = require "neap.types.file", line = require "neap.types.line" }
local self = { types = { get = function(_, name) return shipped[name] end }, permissions = {} }

-- Entries { id, state, genesis, under }, in order.
local function recorded(entries) return fake.recorded(entries, "under") end
local function told(list) return fake.told(list, true) end

local LINE, FILE = { path = "/f", line = "a" }, { content = "x\n" }

-- { what, now, then, list, dropped }
for _, case in ipairs {
  { "a line that was found in Neap's file goes with it",
    { { "file:/f", FILE, FILE }, { "line:a", LINE, false, true } }, {}, "file:/f", "-line:a" },
  { "a file that was found with Neap's line goes first, and the line is taken out of what it was",
    { { "line:a", LINE, false }, { "file:/f", FILE, FILE } }, {}, "file:/f* -line:a", "" },
  { "a line goes with the file that is wanted", { { "file:/f", FILE, FILE }, { "line:a", LINE, false, true } },
    { { "file:/f", FILE, FILE } }, "file:/f", "-line:a" },
  { "a line is written into the file that goes back", { { "file:/f", FILE, FILE } }, { { "line:a", LINE, false } },
    "file:/f* line:a", "" },
  { "a file of which only the mode was Neap's has no say", { { "file:/f", { mode = "0600" }, { mode = "0644" } },
    { "line:a", LINE, false } }, {}, "-line:a file:/f*", "" },
} do
  t.case(case[1], function()
    local desired = rollback.compose(self, {}, recorded(case[2]), recorded(case[3]))
    t.equal({ told(desired.list), told(desired.dropped) }, { case[4], case[5] })
  end)
end

t.case("a line that a prune takes goes before the file that is written over it", function()
  local file = { id = "file:/f", type = "file", key = "/f", rtype = shipped.file, attrs = FILE, meta = {}, needs = {} }
  local desired = { host = {}, list = { file }, by_id = { ["file:/f"] = file } }
  rollback.take_back(self, desired, recorded { { "line:a", LINE, false } }, { ["line:a"] = true })
  t.equal(told(desired.list), "-line:a* file:/f")
end)

t.case("and so does one that a prune brings back", function()
  local file = { id = "file:/f", type = "file", key = "/f", rtype = shipped.file, attrs = FILE, meta = {}, needs = {} }
  local desired = { host = {}, list = { file }, by_id = { ["file:/f"] = file } }
  rollback.take_back(self, desired, recorded { { "line:a", false, LINE } }, { ["line:a"] = true })
  t.equal(told(desired.list), "line:a* file:/f")
end)

t.case("under: found in a file that is Neap's as a whole", function()
  local line = { rtype = shipped.line, key = "a", attrs = LINE }
  local function under(file, known) return parts.is_under(line, { file }, function() return known end) end
  t.equal({ under(nil, true), under(nil, false) }, { true, false })
  t.equal(under({ id = "file:/f", attrs = FILE }, false), true)
  t.equal(under({ id = "file:/f", attrs = { mode = "0600" } }, false), false)
  t.equal(under({ id = "file:/f", attrs = FILE, leaves = true }, true), false)
end)

t.case("what goes back is told apart from other changes of the model", function()
  local model = Model.new()
  model:set("stat", { "/a" }, nil)
  model.leaving = true
  model:set("stat", { "/b" }, nil)
  t.equal({ model:touches { { "stat", "/a" } } }, { true, false })
  t.equal({ model:touches { { "stat", "/a" }, { "stat", "/b" } } }, { true, true })
  t.equal({ model:touches { { "stat", "/c" } } }, { false, false })
end)
