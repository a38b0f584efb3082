--- What is recorded as what was there before Neap, where Neap's own stood there.
local t = require "harness"
local entry_of = require "neap.engine.entry"
local origins = require "neap.engine.origins"

local function resource(name, key, attrs)
  return { id = name .. ":" .. key, type = name, key = key, attrs = attrs or {}, rtype = require("neap.types." .. name) }
end

local function origin(one, found, recorded, resources)
  local seen = { before = { [one.id] = found }, resources = resources }
  return origins.of(one, recorded, seen, entry_of.path)
end

local WHOLE = { ["resources/file/f.json"] = '{"state":{"content":"x"}}' }
local MODE = { ["resources/file/f.json"] = '{"state":{"mode":"0600"}}' }
local LINE, LINK = resource("line", "a", { path = "/f", line = "a" }), resource("symlink", "/f")

-- { what, resource, found, recorded, resources of the run, whether it was found in what was Neap's }
for _, case in ipairs {
  { "a line in a file of others", LINE, false, {}, {}, false },
  { "a line in Neap's file", LINE, false, WHOLE, {}, true },
  { "a line in a file of which Neap has the mode", LINE, false, MODE, {}, false },
  { "a line in a file of the same run", LINE, false, {}, { resource("file", "/f", { content = "x" }) }, true },
  { "a link where a file of others was", LINK, { occupied = "file" }, {}, {}, false },
  { "a link where Neap's file was", LINK, { occupied = "file" }, WHOLE, {}, true },
  { "the first name of a host", resource("hostname", "b"), { static = "old" }, {}, {}, false },
  { "another name of a host", resource("hostname", "b"), { static = "a" }, { ["resources/hostname/a.json"] = "{}" }, {}, true },
} do
  t.case(case[1], function()
    local found, under = origin(case[2], case[3], case[4], case[5])
    t.equal({ found, under }, { case[3], case[6] })
  end)
end

t.case("what came along with another of Neap's was not there before", function()
  local recorded = { ["brought.json"] = '{"package":["gawk"]}' }
  local found = { version = "1", hold = false }
  t.equal({ origin(resource("package", "gawk"), found, recorded, {}) }, { false, false })
  t.equal((origin(resource("package", "mawk"), found, recorded, {})), found)
end)

t.case("what a rollback records again is as it was recorded then", function()
  local one = resource("symlink", "/f")
  one.as_recorded = { genesis = { to = "x" }, under = true }
  local found, under = origin(one, { occupied = "file" }, WHOLE, {})
  t.equal({ found, under }, { { to = "x" }, true })
end)

t.case("as it is when what was Neap's has gone", function()
  local seen = { before = { ["line:a"] = { line = "x" } }, origins = { ["line:a"] = false }, resources = {} }
  t.equal((origins.of(LINE, {}, seen, entry_of.path)), false)
end)

t.case("a file that was made for one line was not there before the next one, either", function()
  local recorded = {
    ["genesis/resources/block/b.json"] = '{"key":"b","state":null,"around":{"file":false}}',
    ["resources/block/b.json"] = '{"key":"b","state":{"path":"/f","line":"b"}}',
  }
  t.equal(origins.around(LINE, nil, recorded), { file = false })
  t.equal(origins.around(resource("line", "a", { path = "/g", line = "a" }), nil, recorded), nil)
  t.equal(origins.around(LINE, nil, {}), nil)
end)

local CAME = { ["file:/f"] = { with = { "package:p" }, found = { content = "p" } } }
local FILE = resource("file", "/f", { content = "x" })
local THEN = resource("file", "/f", { content = "x" })
THEN.as_recorded = { genesis = { content = "p" }, came = { "package:q" } }

-- { what, resource, found, what came with packages of the run, what is recorded as before Neap }
for _, case in ipairs {
  { "it is what a package brings where nothing was", FILE, false, CAME, { with = { "package:p" }, found = { content = "p" } } },
  { "what was there was there", FILE, { content = "o" }, CAME, nil },
  { "nothing comes", FILE, false, {}, nil },
  { "the package has not brought it after all", FILE, false, { ["file:/f"] = { with = { "package:p" }, found = false } }, nil },
  { "it came then and is not brought again", THEN, false, {}, { with = { "package:q" }, found = { content = "p" } } },
  { "it came then and is still that", THEN, { content = "p" }, {}, { with = { "package:q" }, found = { content = "p" } } },
  { "it came then and is somebody else's now", THEN, { content = "o" }, {}, nil },
} do
  t.case("before Neap: " .. case[1], function()
    t.equal(origins.came(case[2], case[3], {}, { came = case[4] }), case[5])
  end)
end
