--- One thing by two resources, one after the other: which goes first, and what of that is looked at afterwards.
local t = require "harness"
local fake = require "fake_host"
local json = require "neap.core.json"
local layers = require "neap.engine.layers"
local rollback = require "neap.engine.rollback"
local Types = require "neap.engine.types"

local types = Types.new()
local self = { types = types, permissions = {} }
local NAME, FILE, TIMER, UNIT = "hostname:a", "file:/etc/hostname", "timer:t", "systemd_unit:t.timer"
local A, B, C = { static = "a", live = "a" }, { content = "b\n" }, { content = "c\n" }

local function recorded(entries) return fake.recorded(entries, "over") end

-- { what, now, then, what is done: "-" goes, "*" is not looked at afterwards }
for _, case in ipairs {
  { "both go: the upper one first", { { NAME, A, A }, { FILE, B, C, NAME } }, {}, "file:/etc/hostname* hostname:a" },
  { "the other way round", { { FILE, B, C }, { NAME, A, A, FILE } }, {}, "hostname:a* file:/etc/hostname" },
  { "in any order of their records", { { FILE, B, C, NAME }, { NAME, A, A } }, {}, "file:/etc/hostname* hostname:a" },
  { "the lower one is wanted", { { NAME, A, A }, { FILE, B, C, NAME } }, { { NAME, A, A } },
    "file:/etc/hostname* hostname:a" },
  { "the upper one is wanted", { { NAME, A, A }, { FILE, B, C, NAME } }, { { FILE, B, C } },
    "hostname:a* file:/etc/hostname" },
  { "one that takes its place in this run", { { NAME, A, A } }, { { FILE, B, C } }, "hostname:a* file:/etc/hostname" },
  { "both are wanted", { { NAME, A, A } }, { { FILE, B, C, NAME }, { NAME, A, A } }, "hostname:a file:/etc/hostname" },
  { "three of them", { { NAME, A, A }, { FILE, B, C, NAME }, { "hostname:c", A, { static = "b" }, FILE } }, {},
    "file:/etc/hostname* hostname:a" },
  { "a unit of a timer", { { TIMER, { service = "s", timer = "t" }, false }, { UNIT, B, C, TIMER } }, {},
    "systemd_unit:t.timer* -timer:t" },
} do
  t.case("layers: " .. case[1], function()
    local desired = rollback.compose(self, {}, recorded(case[2]), recorded(case[3]))
    t.equal(fake.told(desired.list, true), case[4])
  end)
end

t.case("layers: what the upper one has found is told anew when the lower one has gone", function()
  local now = recorded { { NAME, A, A }, { FILE, B, C, NAME } }
  local desired = rollback.compose(self, {}, now, recorded { { FILE, B, C } })
  t.equal({ desired.list[2].id, desired.list[2].found_by.id }, { FILE, NAME })
end)

local function files(entries)
  local out = {}
  for path, entry in pairs(entries) do out["resources/" .. path .. ".json"] = json.encode(entry) end
  return out
end

local function resource(rtype, key, attrs)
  return { type = rtype, rtype = types:get(rtype), key = key, id = rtype .. ":" .. key, attrs = attrs }
end

local function led(path, at)
  local one = resource("file", path, {})
  one.at = { at }
  return one
end

local ALIAS = files { ["file/l/f"] = { type = "file", key = "/l/f", state = { mode = "0644" } } }
ALIAS["genesis/resources/file/l/f.json"] = json.encode { type = "file", key = "/l/f", state = A, at = { "/d/f" } }

local ENTRY = { type = "hosts_entry", key = "10.0.0.1", state = { names = { "a" }, path = "/etc/hosts", text = "10.0.0.1 a" } }

-- { what, resource, found, recorded, the one that it lies over }
for _, case in ipairs {
  { "a name's file", resource("file", "/etc/hostname", {}), B,
    files { ["hostname/a"] = { type = "hostname", key = "a", state = A } }, NAME },
  { "a file's name", resource("hostname", "a", {}), A,
    files { ["file/etc/hostname"] = { type = "file", key = "/etc/hostname", state = { mode = "0644" } } }, FILE },
  { "one of the files of a timer", resource("systemd_unit", "t.timer", {}), B,
    files { ["timer/t"] = { type = "timer", key = "t", state = { running = true } } }, TIMER },
  { "nothing was found", resource("systemd_unit", "t.timer", {}), false,
    files { ["timer/t"] = { type = "timer", key = "t" } }, TIMER },
  { "another file", resource("file", "/etc/hosts", {}), B,
    files { ["hostname/a"] = { type = "hostname", key = "a", state = A } }, nil },
  { "a link in the place of a file is another matter", resource("symlink", "/f", {}), { occupied = "file" },
    files { ["file/f"] = { type = "file", key = "/f", state = { mode = "0644" } } }, nil },
  { "a file, by a path that leads there", led("/l/f", "/d/f"), B,
    files { ["file/d/f"] = { type = "file", key = "/d/f", state = { mode = "0644" } } }, "file:/d/f" },
  { "a file that was written by a path that leads there", resource("file", "/d/f", {}), B, ALIAS, "file:/l/f" },
  { "the same by yet another path", led("/m/f", "/d/f"), B, ALIAS, "file:/l/f" },
  { "a file beside it", resource("file", "/d/g", {}), B, ALIAS, nil },
  { "an address by its line", resource("line", "l", { path = "/etc/hosts" }), { path = "/etc/hosts", line = "10.0.0.1 a" },
    files { ["hosts_entry/10.0.0.1"] = ENTRY }, "hosts_entry:10.0.0.1" },
  { "another line", resource("line", "l", { path = "/etc/hosts" }), { path = "/etc/hosts", line = "10.0.0.2 a" },
    files { ["hosts_entry/10.0.0.1"] = ENTRY }, nil },
  { "the same line of another file", resource("line", "l", { path = "/f" }), { path = "/f", line = "10.0.0.1 a" },
    files { ["hosts_entry/10.0.0.1"] = ENTRY }, nil },
} do
  t.case("layers: what lies below " .. case[1], function()
    t.equal(layers.below(case[2], case[3], case[4], { host = "h", types = types }), case[5])
  end)
end
