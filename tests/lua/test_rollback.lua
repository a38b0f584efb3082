--- What a rollback wants of a host, from two recorded states; no host but a made-up one.
local t = require "harness"
local ask = require "neap.engine.ask"
local conflicts = require "neap.engine.conflicts"
local fake = require "fake_host"
local fault = require "neap.engine.fault"
local peers = require "neap.engine.peers"
local plan = require "neap.engine.plan"
local rollback = require "neap.engine.rollback"
local verify = require "neap.engine.verify"
local way_back = require "neap.engine.way_back"

local rtypes = { thing = fake.thing, daemon = fake.daemon }
local self = { types = { get = function(_, name) return rtypes[name] end }, permissions = {} }

local recorded, ids = fake.recorded, fake.told

local function size(n) return { size = n } end

-- { what, now, target, list, dropped }
for _, case in ipairs {
  { "what goes goes first, in reverse; what stays in the order of then",
    { { "thing:a", size(1), false }, { "thing:b", size(1), false }, { "thing:c", size(1), false } },
    { { "thing:b", size(2), false } }, "-thing:c -thing:a thing:b", "" },
  { "to before Neap: all of it, in reverse",
    { { "thing:a", size(1), false }, { "thing:b", size(1), size(9) } }, {}, "thing:b -thing:a", "" },
  { "what was there before and reads is restarted last",
    { { "daemon:d", size(1), size(1) }, { "thing:a", size(2), size(1) } }, {}, "thing:a daemon:d", "" },
  { "a reader that was not there goes in its turn",
    { { "thing:a", size(2), size(1) }, { "daemon:d", size(1), false } }, {}, "-daemon:d thing:a", "" },
  { "what has no genesis leaves without a look", { { "thing:a", size(1), nil } }, {}, "", "-thing:a" },
  { "what is to be away goes before the directory in which it lies",
    { { "thing:/d", size(1), false }, { "thing:/d/e", size(1), false }, { "thing:/d/e/f", size(1), false } },
    { { "thing:/dd", false, false }, { "thing:/d/e/f", false, false }, { "thing:/b", size(1), false } },
    "-thing:/d/e/f -thing:/d/e -thing:/d -thing:/dd thing:/b", "" },
  { "what is recorded there and not here comes back", {}, { { "thing:a", size(1), false } }, "thing:a", "" },
} do
  t.case(case[1], function()
    local desired = rollback.compose(self, { name = "web1" }, recorded(case[2]), recorded(case[3]))
    t.equal({ ids(desired.list), ids(desired.dropped) }, { case[4], case[5] })
  end)
end

t.case("what lies where something wanted lies goes before it, and is not looked at then", function()
  rtypes.link = { name = "link", key = "path", attributes = {}, probe = function() end, steps = function() end }
  rtypes.note = {
    name = "note", key = "path", attributes = { force = { type = "boolean", option = true } }, probe = function() end,
    steps = function() end,
  }
  local desired = rollback.compose(self, {}, recorded { { "link:/x", {}, false } }, recorded { { "note:/x", {}, false } })
  t.equal({ fake.told(desired.list, true), ids(desired.dropped) }, { "-link:/x* note:/x", "" })
end)

t.case("what came with something is that where one of these stays, and else there was nothing", function()
  local function back(target)
    local now = recorded { { "thing:p", size(1), false }, { "thing:f", size(2), size(1) } }
    now.resources["thing:f"].came = { "thing:o", "thing:p" }
    return ids(rollback.compose(self, {}, now, recorded(target)).list)
  end
  t.equal({ back { { "thing:p", size(1), false } }, back {}, back { { "thing:p", false, false } } },
    { "thing:f thing:p", "-thing:f -thing:p", "-thing:f -thing:p" })
end)

t.case("what no run had looked at by then was as the first one has found it", function()
  local now = recorded { { "thing:a", { size = 2 }, false } }
  now.resources["thing:a"].first = { size = 7 }
  local desired = rollback.compose(self, {}, now, recorded { { "thing:a", {}, false } })
  t.equal(desired.list[1].attrs, { size = 7 })
  desired = rollback.compose(self, {}, now, recorded { { "thing:a", { size = 3 }, false } })
  t.equal(desired.list[1].attrs, { size = 3 })
end)

t.case("what is to be away is told and taken away by its record of now", function()
  local now = recorded { { "thing:a", { size = 2 }, false } }
  local desired = rollback.compose(self, {}, now, recorded { { "thing:a", false, false, options = { size = 1 } } })
  t.equal({ desired.list[1].absent, desired.list[1].attrs }, { true, { size = 1 } })
  desired = rollback.compose(self, {}, now, recorded { { "thing:a", false, false } })
  t.equal({ desired.list[1].absent, desired.list[1].attrs }, { true, { size = 2 } })
end)

local BOX = { occupied = { type = "string", or_false = true, readonly = true }, force = { type = "boolean", option = true } }
for _, name in ipairs { "box", "bag" } do
  rtypes[name] = { name = name, key = "path", attributes = BOX, probe = function() end, steps = function() end }
end
local OLD = { hue = 1 }
-- { what, records in order, list, dropped, attributes of the first }
for _, case in ipairs {
  { "nothing, then one thing and another: nothing", { { "box:/x", { occupied = "bag" }, false }, { "bag:/x", {}, { occupied = "box" } } },
    "-bag:/x", "-box:/x", { force = true } },
  { "one thing, then another in its place: the first",
    { { "box:/x", { occupied = "bag" }, OLD }, { "bag:/x", {}, { occupied = "box" } } },
    "box:/x", "-bag:/x", { hue = 1, force = true } },
  { "one thing in the place of another that took its place: what was first",
    { { "box:/x", {}, { occupied = "bag" } }, { "bag:/x", { occupied = "box" }, { occupied = "box" } } },
    "bag:/x", "-box:/x", { occupied = "box", force = true } },
  { "one thing at a path is what it was", { { "box:/x", {}, OLD } }, "box:/x", "", { hue = 1 } },
} do
  t.case("one path: " .. case[1], function()
    local desired = rollback.compose(self, {}, recorded(case[2]), recorded {})
    t.equal({ ids(desired.list), ids(desired.dropped), desired.list[1].attrs }, { case[3], case[4], case[5] })
  end)
end

t.case("one path: what leads back to before Neap keeps its record while another thing stands there", function()
  local now = recorded { { "box:/x", { occupied = "bag" }, false }, { "bag:/x", {}, { occupied = "box" } } }
  local desired = fake.desired { { id = "bag:/x", rtype = rtypes.bag, key = "/x", attrs = {}, meta = {} } }
  rollback.take_back(self, desired, now, { ["box:/x"] = true })
  t.equal({ ids(desired.list), ids(desired.dropped) }, { "bag:/x", "" })
end)

-- { what, records of now, of then, what was not done, whose records go }
local IN_BOX = { { "box:/x", { occupied = "bag" }, OLD }, { "bag:/x", {}, { occupied = "box" } } }
for _, case in ipairs {
  { "what gives way, when the other has its place", IN_BOX, { { "box:/x", {}, OLD } }, "", "bag:/x" },
  { "nothing of what gives way to one that was not done", IN_BOX, { { "box:/x", {}, OLD } }, "box:/x", "" },
  { "all that were at a path, when that is as before Neap", IN_BOX, {}, "", "box:/x bag:/x" },
  { "none of them, when it is not", IN_BOX, {}, "box:/x", "" },
  { "what has no genesis, in any case", { { "thing:a", size(1), nil }, { "thing:b", size(1), false } }, {}, "thing:b", "thing:a" },
} do
  t.case("records that go: " .. case[1], function()
    local desired = rollback.compose(self, {}, recorded(case[2]), recorded(case[3]))
    local seen, left, gone = {}, {}, {}
    for _, one in ipairs(desired.list) do
      seen[one.id] = {}
      if case[4] == one.id then left[1] = one end
    end
    verify.let_go({ plan = { desired = desired }, observed = seen, result = {} }, left)
    for _, list in ipairs { desired.list, desired.dropped } do
      for _, one in ipairs(list) do gone[#gone + 1] = one.left and one.id or nil end
    end
    t.equal(table.concat(gone, " "), case[5])
    verify.let_go({ plan = { desired = desired }, observed = {}, result = {} }, {})
    for _, one in ipairs(desired.list) do t.truthy(not one.left, one.id .. " that was not seen") end
  end)
end

t.case("one path: what makes way for what a directory brings back is looked at no more", function()
  rtypes.directory = require "neap.types.directory"
  local now = recorded {
    { "directory:/d", { mode = "0755" }, { mode = "0755", surplus = { "x" } } }, { "link:/d/x/y", {}, false },
    { "link:/d/z", {}, false },
  }
  local list = rollback.compose(self, {}, now, recorded {}).list
  t.equal(ids(list), "-link:/d/z -link:/d/x/y directory:/d")
  t.equal({ list[1].covered, list[2].covered, list[3].covered }, { nil, true })
end)

t.case("one path: what a wanted directory purges is left to it, and stays recorded", function()
  rtypes.directory = require "neap.types.directory"
  local now = recorded { { "directory:/d/in", {}, {} }, { "directory:/d/kept", {}, {} }, { "directory:/d/named", {}, {} } }
  local function wanted(id, attrs)
    return { id = id, rtype = rtypes.directory, key = id:match(":(.*)$"), attrs = attrs, meta = {} }
  end
  local desired = fake.desired { wanted("directory:/d", { purge = true }), wanted("directory:/d/kept/x", {}) }
  desired.list[3] = wanted("directory:/d/named/x", {})
  desired.list[3].absent = true
  rollback.take_back(self, desired, now, { ["directory:/d/in"] = true, ["directory:/d/kept"] = true, ["directory:/d/named"] = true })
  t.matches(ids(desired.list), "directory:/d/named.*directory:/d/kept")
  t.equal({ #desired.list, ids(desired.dropped) }, { 5, "" })
end)

t.case("of what a host has one of, the first knows what was before Neap", function()
  rtypes.hostname = require "neap.types.hostname"
  local function name(text) return { static = text, live = text } end
  local function back(one, two)
    local now = recorded { { "hostname:two", name(two), name "one" }, { "hostname:one", name(one), name "old" } }
    local desired = rollback.compose(self, {}, now, recorded {})
    return { ids(desired.list), ids(desired.dropped), desired.list[1].attrs.static }
  end
  t.equal(back("two", "two"), { "hostname:one", "-hostname:two", "old" })
  t.equal(back("one", "one"), { "hostname:one", "-hostname:two", "old" })
  local desired = fake.desired { { id = "hostname:two", rtype = rtypes.hostname, key = "two", attrs = name "two", meta = {} } }
  rollback.take_back(self, desired, recorded { { "hostname:one", name "one", name "old" } }, { ["hostname:one"] = true })
  t.equal({ ids(desired.list), ids(desired.dropped) }, { "hostname:two", "" })
end)

t.case("one path: what a new thing takes the place of keeps its record, by which that leads back", function()
  local now = recorded { { "box:/x", { hue = 2 }, false } }
  local desired = fake.desired { { id = "bag:/x", rtype = rtypes.bag, key = "/x", attrs = {}, meta = {} } }
  rollback.take_back(self, desired, now, { ["box:/x"] = true })
  t.equal({ ids(desired.list), ids(desired.dropped) }, { "bag:/x", "" })
end)

t.case("what another thing stood in place of comes after that one", function()
  local target = recorded { { "note:/x", { occupied = "symlink" }, false }, { "link:/x", {}, { occupied = "file" } } }
  local desired = rollback.compose(self, {}, recorded {}, target)
  t.equal({ ids(desired.list), desired.list[2].attrs.force }, { "link:/x note:/x", true })
end)

t.case("a release goes though the directory that it lies in stays", function()
  rtypes.release, rtypes.directory = require "neap.types.release", require "neap.types.directory"
  local folder = { "directory:/srv/app", { mode = "0755" }, false }
  local now = recorded { folder, { "release:/srv/app", { id = "1" }, false } }
  t.equal(ids(rollback.compose(self, {}, now, recorded { folder }).list), "-release:/srv/app directory:/srv/app")
end)

t.case("what is to be absent has no place that another could give way to", function()
  local now = recorded { { "note:/x", { occupied = "link" }, false }, { "link:/x", {}, false } }
  local desired = rollback.compose(self, {}, now, recorded { { "note:/x", false, false } })
  t.equal({ ids(desired.list), ids(desired.dropped) }, { "-link:/x -note:/x", "" })
end)

t.case("packages that go and those that are to be absent are one transaction", function()
  rtypes.deb = { name = "deb", key = "name", batch = true, attributes = {}, probe = function() end, steps = function() end }
  local now = recorded { { "deb:lib", {}, false }, { "thing:a", size(1), false }, { "deb:tool", {}, false } }
  local desired = rollback.compose(self, {}, now, recorded { { "thing:b", size(1), false }, { "deb:tool", false, false } })
  t.equal(ids(desired.list), "-thing:a -deb:tool -deb:lib thing:b")
  t.equal(desired.list[2].transaction, desired.list[3].transaction)
end)

t.case("what watched a thing that goes is restarted when it goes", function()
  local now = recorded {
    { "thing:a", size(1), false },
    { "daemon:d", size(1), false, meta = { restart_on = { "thing:a", "thing:other" } } },
  }
  local target = recorded { { "daemon:d", size(1), false } }
  local host = fake.new { a = size(1), d = size(1) }
  local desired = rollback.compose(self, {}, now, target)
  local planned = plan.host(host.round(), desired)
  t.equal({ #planned.changes, planned.changes[1].kind, planned.changes[2].trigger }, { 2, "delete", "restart" })
end)

-- { what, found on the host, state now, state then, options, conflicts, kept as it is }
for _, case in ipairs {
  { "nothing foreign", 1, 1, 2, {}, 0 },
  { "a foreign change that would be overwritten", 5, 1, 2, {}, 1 },
  { "a foreign change to what is wanted anyway", 2, 1, 2, {}, 0 },
  { "a thing that somebody took away", nil, 1, 2, {}, 1 },
  { "a thing that somebody made", 5, false, 2, {}, 1 },
  { "a thing to be removed that somebody changed", 5, 1, false, {}, 1 },
  { "a thing to be removed that is gone already", nil, 1, false, {}, 0 },
  { "ours", 5, 1, 2, { ours = true }, 0, "update" },
  { "theirs: the attribute stays", 5, 1, 2, { theirs = true }, 1, "nothing" },
  { "theirs: the thing stays", 5, 1, false, { theirs = true }, 1, "nothing" },
  { "theirs: the thing stays away", nil, 1, 2, { theirs = true }, 1, "nothing" },
} do
  t.case("conflicts: " .. case[1], function()
    local host = fake.new { a = case[2] and size(case[2]) }
    local now = recorded { { "thing:a", case[3] and size(case[3]), false } }
    local target = recorded { { "thing:a", case[4] and size(case[4]), false } }
    local desired = rollback.compose(self, {}, now, target)
    local round = ask.new(host.conn, {})
    local found = conflicts.find(round, desired, now, self.types, case[5])
    t.equal(#found, case[6])
    if found[1] then t.truthy(conflicts.lines(found[1])[1].text:find("thing a: ", 1, true)) end
    if case[7] then
      local planned = plan.host(round, desired)
      t.equal(planned.changes[1] and planned.changes[1].kind or "nothing", case[7])
    end
  end)
end

-- { what, found on the host, before Neap, state then, options, conflicts, kept as it is }
for _, case in ipairs {
  { "it was made since", 5, false, 2, {}, 1, "update" },
  { "it was changed since", 5, 3, 2, {}, 1, "update" },
  { "it is as it was before Neap", 3, 3, 2, {}, 0, "update" },
  { "it is as it is wanted", 2, 3, 2, {}, 0, "nothing" },
  { "nothing is there", nil, 3, 2, {}, 0, "create" },
  { "nothing was there before Neap either", nil, false, 2, {}, 0, "create" },
  { "it is to be absent, and was made since", 5, false, false, {}, 1, "delete" },
  { "it is to be absent, and is as it was before Neap", 3, 3, false, {}, 0, "delete" },
  { "nobody knows what was before Neap", 5, nil, 2, {}, 0, "update" },
  { "ours", 5, false, 2, { ours = true }, 0, "update" },
  { "theirs: it stays", 5, false, 2, { theirs = true }, 1, "nothing" },
  { "theirs: it stays as it was changed", 5, 3, 2, { theirs = true }, 1, "nothing" },
  { "theirs: it stays there", 5, false, false, { theirs = true }, 1, "nothing" },
} do
  t.case("what is not recorded now: " .. case[1], function()
    local host, now = fake.new { a = case[2] and size(case[2]) }, recorded {}
    local before = case[3]
    if before then before = size(before) end
    local desired = rollback.compose(self, {}, now, recorded { { "thing:a", case[4] and size(case[4]), before } })
    local round = host.round()
    local found = conflicts.find(round, desired, now, self.types, case[5])
    t.equal(#found, case[6])
    if found[1] then
      t.matches(conflicts.lines(found[1])[1].text, case[5].theirs and "stays as it is" or "while it was not recorded$")
      t.equal(#conflicts.lines(found[1]), case[3] and 2 or 1)
    end
    local planned = plan.host(round, desired)
    t.equal(planned.changes[1] and planned.changes[1].kind or "nothing", case[7])
  end)
end

-- A thing at a path, and a part of it.
local PLACED = {
  size = { type = "integer" }, path = { type = "string" }, force = { type = "boolean", option = true },
  occupied = { type = "string", readonly = true },
}
local function probe_at(host, key, _, attrs)
  local found = host:thing(attrs.path or key)
  return found and { size = found.size, path = attrs.path }
end
rtypes.case = setmetatable({ name = "case", key = "path", attributes = PLACED, probe = probe_at }, { __index = fake.thing })
rtypes.crib = setmetatable({ name = "crib" }, { __index = rtypes.case })
rtypes.piece = setmetatable({
  name = "piece", attributes = PLACED, probe = probe_at, inside = function(_, attrs) return attrs.path end,
  last_line = function(_, attrs) return tostring(attrs.size) end,
}, { __index = fake.thing })
rtypes.account = setmetatable({ name = "account" }, { __index = fake.thing })
rtypes.package = setmetatable({ name = "package" }, { __index = fake.thing })
rtypes.user, rtypes.group = setmetatable({ name = "user" }, { __index = fake.thing }),
  setmetatable({ name = "group" }, { __index = fake.thing })
rtypes.sole = setmetatable({ name = "sole", only = function(state) return tostring(state.size) end }, {
  __index = setmetatable({ probe = function(host) return { size = host:thing("sole").size } end }, { __index = fake.thing }),
})
local PART, OTHER_PART = { path = "/f", size = 5 }, { path = "/f", size = 4 }

-- { what, what is recorded now, what is gone back to (more of it by name), things on the host, ids in conflict, more of
-- what is recorded now }
for _, case in ipairs {
  { "something else beside it", { { "case:/y", size(1), false } }, { { "case:/x", size(2), false } }, { ["/x"] = 5 }, "case:/x" },
  { "another kind at its path", { { "crib:/x", size(5), false } }, { { "case:/x", size(2), false } }, { ["/x"] = 5 }, "" },
  { "another kind at its path that somebody changed", { { "crib:/x", size(4), false } }, { { "case:/x", size(2), false } },
    { ["/x"] = 5 }, "case:/x" },
  { "a part of it", { { "piece:p", PART, false } }, { { "case:/f", size(2), false } }, { ["/f"] = 5 }, "" },
  { "the file of a part", { { "case:/f", size(5), false } }, { { "piece:p", { path = "/f", size = 2 }, false } }, { ["/f"] = 5 }, "" },
  { "a part that is the same line", { { "piece:q", PART, false } }, { { "piece:p", { path = "/f", size = 2 }, false } },
    { ["/f"] = 5 }, "" },
  { "a part that is another line", { { "piece:q", OTHER_PART, false } }, { { "piece:p", { path = "/f", size = 2 }, false } },
    { ["/f"] = 5 }, "piece:p" },
  { "what leads elsewhere above it", { { "crib:/d", size(1), false } }, { { "case:/d/x", size(2), false } }, { ["/d/x"] = 5 }, "" },
  { "what a host has one of", { { "sole:5", size(5), size(1) } }, { { "sole:2", size(2), size(1) } }, { sole = 5 }, "" },
  { "what a host has one of, changed", { { "sole:4", size(4), size(1) } }, { { "sole:2", size(2), size(1) } }, { sole = 5 },
    "sole:2" },
  { "a package that may have brought it", { { "package:p", size(1), false } }, { { "account:a", size(2), false } }, { a = 5, p = 1 }, "" },
  { "a package of others", { { "package:p", size(1), size(1) } }, { { "account:a", size(2), false } }, { a = 5, p = 1 }, "account:a" },
  { "a package that it came with", { { "package:p", size(1), size(1) } }, { { "account:a", size(2), size(3), came = { "package:p" } } },
    { a = 5, p = 1 }, "" },
  { "a package that has gone and that it came with", {}, { { "case:/x", size(2), size(3), came = { "package:p" } } }, { ["/x"] = 5 },
    "" },
  { "a package that came along", {}, { { "package:p", size(2), false } }, { p = 5 }, "", { brought = { package = { "p" } } } },
  { "a user whose group it is", { { "user:u", size(1), false } }, { { "group:u", size(2), false } }, { u = 1 }, "" },
  { "no user whose group it is", {}, { { "group:u", size(2), false } }, { u = 1 }, "group:u" },
  { "another under it then", {}, { { "case:/x", size(2), size(3), under = true } }, { ["/x"] = 5 }, "" },
  { "another over which it lay", {}, { { "case:/x", size(2), size(3), over = "sole:1" } }, { ["/x"] = 5, sole = 1 }, "" },
  { "a run that died and made it", {}, { { "case:/x", size(2), false } }, { ["/x"] = 5 }, "",
    { status = { step = 2, journal = { { n = 1, id = "case:/x", before = false, after = size(5) } } } } },
  { "another machine", {}, { { "case:/x", size(2), false } }, { ["/x"] = 5 }, "", { is_another = true } },
} do
  t.case("what is not recorded now, and " .. case[1], function()
    local things, now, target, names = {}, recorded(case[2]), recorded(case[3]), {}
    for key, n in pairs(case[4]) do things[key] = size(n) end
    for name, value in pairs(case[6] or {}) do now[name] = value end
    for _, said in ipairs(case[3]) do
      for _, name in ipairs { "came", "under", "over" } do target.resources[said[1]][name] = said[name] end
    end
    local desired = rollback.compose(self, {}, now, target)
    for _, one in ipairs(conflicts.find(fake.new(things).round(), desired, now, self.types, {})) do
      if one.is_new then names[#names + 1] = one.id end
    end
    t.equal(table.concat(names, " "), case[5])
  end)
end

-- A thing that lies in a box, and in whose place a bag may stand: neither lets it be looked at as it is to be.
local spot = setmetatable({ name = "spot", attributes = { size = { type = "integer" }, occupied = { type = "string" } } },
  { __index = fake.thing })
function spot.probe(host, key, want)
  if want and not host:thing("box") then fault.raise("failed", nil, "no box: declare box \"box\"") end
  local found = host:thing(key)
  if not found or found.size then return found end
  if want then fault.raise("failed", nil, "a bag, no spot: take it away, or say force = true") end
  return { occupied = "bag" }
end
function spot.foresee_delete(_, _, change)
  if change.from.occupied then fault.raise("failed", nil, "no spot: use absent.bag") end
end
spot.effects = nil
rtypes.spot = spot
local EMPTY_BOX, BAG = { box = size(0) }, { box = size(0), a = {} }
local THEIRS, OURS = { theirs = true }, { ours = true }

-- { what, what is on the host, state now, state then, before Neap, options, the conflict, remarks, "kept" | "dropped" }
for _, case in ipairs {
  { "another thing stands there", BAG, 1, 2, false, {}, "cannot be compared with its record: a bag, no spot: take it away" },
  { "theirs: it stays", BAG, 1, 2, false, THEIRS, "stays as it is on the host: a bag, no spot", "", "kept" },
  { "ours: it cannot be brought back", BAG, 1, 2, false, OURS, nil, "impossible: a bag, no spot: take it away" },
  { "another thing stands where one is to come back", BAG, 1, nil, 3, {}, "cannot be compared with .*: a bag, no spot" },
  { "theirs: it stays, and is Neap's no more", BAG, 1, nil, 3, THEIRS, "stays as it is", "", "dropped" },
  { "another thing stands where one is to go", BAG, 1, nil, false, {}, "cannot be compared with its record: a bag" },
  { "theirs: it stays there", BAG, 1, nil, false, THEIRS, "stays as it is on the host: a bag, no spot", "", "dropped" },
  { "ours: nor is it taken away", BAG, 1, nil, false, OURS, nil, "impossible: no spot: use absent.bag" },
  { "another thing stands where nothing was", BAG, false, 2, false, {},
    "was made on the host since its absence was recorded: a bag, no spot" },
  { "theirs: it stays where nothing was", BAG, false, 2, false, THEIRS, "stays as it is", "", "kept" },
  { "it is gone with what it lay in", {}, 1, 2, false, {}, "was taken away on the host since it was recorded: no box$" },
  { "theirs: it stays away", {}, 1, 2, false, THEIRS, "stays absent", "" },
  { "ours: nor has it where to lie", {}, 1, 2, false, OURS, nil, "impossible: no box" },
  { "gone, and to be gone", {}, 1, nil, false, {}, nil, "" },
  { "nothing of it is recorded", {}, nil, 2, false, {}, nil, "impossible: no box" },
  { "theirs: it stays away, too", {}, nil, 2, false, THEIRS, nil, "stays: no box", "kept" },
  { "it is there", EMPTY_BOX, 1, 2, false, {}, "was taken away on the host", "" },
} do
  t.case("what cannot be looked at as it was: " .. case[1], function()
    local function state(value) return recorded(value ~= nil and { { "spot:a", value and size(value), case[5] and size(case[5]) } }
      or {}) end
    local now, target = state(case[3]), state(case[4])
    local desired = rollback.compose({ types = self.types, permissions = {} }, {}, now, target)
    local resource, host = desired.list[1], fake.new(case[2])
    local round = host.round()
    local found = conflicts.find(round, desired, now, self.types, case[6])
    local planned, remarks = plan.host(round, desired), {}
    for i, remark in ipairs(planned.remarks) do remarks[i] = remark.kind .. ": " .. remark.text end
    t.equal({ #planned.errors, #found }, { 0, case[7] and 1 or 0 })
    if case[7] then t.matches(conflicts.lines(found[1])[1].text, "^spot a: " .. case[7]) end
    t.equal(table.concat(remarks, " "), case[8] or "")
    t.equal(resource.keeps and "kept" or resource.left and "dropped", case[9])
    local is_told = found[1] and (found[1].settled or found[1].blocks or planned.changed["spot:a"])
    t.equal(is_told and true or nil, case[7] and true)
  end)
end

t.case("a host that could not be asked is no matter of other hands", function()
  local deaf = setmetatable({ name = "deaf" }, { __index = fake.thing })
  function deaf.probe(host) return host:thing("a").size end
  rtypes.deaf = deaf
  for _, opts in ipairs { {}, THEIRS, OURS } do
    local now, round = recorded { { "deaf:a", size(1), false } }, fake.new({ a = { failed = "it does not answer" } }).round()
    local desired = rollback.compose(self, {}, now, recorded { { "deaf:a", size(2), false } })
    conflicts.find(round, desired, now, self.types, opts)
    local planned = plan.host(round, desired)
    t.equal({ #planned.errors, #planned.remarks, desired.list[1].keeps }, { 1, 0 })
  end
end)

-- { what, found on the host, state now, before Neap, options, names in conflict, what is planned }
local BAGGED, OTHER = { occupied = "bag", hue = 1 }, { occupied = "bag", hue = 2 }
for _, case in ipairs {
  { "another thing than the recorded one", OTHER, { size = 1 }, BAGGED, {}, "hue occupied", "update" },
  { "a thing in which all is of others", { size = 2 }, BAGGED, { size = 1 }, {}, "occupied size", "update" },
  { "another thing that is as it is wanted", BAGGED, { size = 1 }, BAGGED, {}, "" },
  { "the other thing that is recorded", BAGGED, BAGGED, { size = 1 }, {}, "", "update" },
  { "ours: another thing goes", OTHER, { size = 1 }, BAGGED, { ours = true }, "", "update" },
  { "theirs: another thing stays, whole", OTHER, { size = 1 }, BAGGED, { theirs = true }, "hue occupied" },
  { "theirs: a thing of a third kind stays, whole", { occupied = "link" }, { size = 1 }, BAGGED, { theirs = true }, "hue occupied" },
  { "a changed thing where another kind is to stand", { size = 2 }, { size = 1 }, BAGGED, {}, "size", "update" },
  { "another kind that was changed where a thing is to stand", OTHER, BAGGED, { size = 1 }, {}, "hue", "update" },
  { "what is only found of a thing where another kind is to stand", { size = 1, seen = 2 }, { size = 1, seen = 1 }, BAGGED,
    {}, "", "update" },
  { "a thing as recorded where another kind is to stand", { size = 1 }, { size = 1 }, BAGGED, {}, "", "update" },
  { "ours: a changed thing gives way to another kind", { size = 2 }, { size = 1 }, BAGGED, { ours = true }, "", "update" },
  { "theirs: a changed thing stays", { size = 2 }, { size = 1 }, BAGGED, { theirs = true }, "size" },
} do
  t.case("conflicts: " .. case[1], function()
    rtypes.crate = setmetatable({
      name = "crate", probe = function() return case[2] end,
      attributes = {
        size = { type = "integer" }, hue = { type = "integer" }, seen = { type = "integer", readonly = true },
        occupied = BOX.occupied, force = BOX.force,
      },
    }, { __index = rtypes.box })
    local now = recorded { { "crate:/x", case[3], case[4], options = { force = true } } }
    local desired = rollback.compose(self, {}, now, recorded {})
    local round, names = ask.new(fake.new({}).conn, {}), {}
    for _, found in ipairs(conflicts.find(round, desired, now, self.types, case[5])) do
      for name in pairs(found.names) do names[#names + 1] = name end
      t.truthy(#conflicts.lines(found) == #names + 1, "lines of each")
    end
    table.sort(names)
    local change = plan.host(round, desired).changes[1]
    t.equal({ table.concat(names, " "), change and change.kind }, { case[6], case[7] })
  end)
end

t.case("what moves by itself is nobody's change", function()
  rtypes.clock = setmetatable({ name = "clock", live = true }, { __index = fake.thing })
  local host = fake.new { a = size(5) }
  local now, target = recorded { { "clock:a", size(1), false } }, recorded { { "clock:a", size(2), false } }
  local desired = rollback.compose(self, {}, now, target)
  t.equal(conflicts.find(ask.new(host.conn, {}), desired, now, self.types, {}), {})
end)

t.case("what was recorded and nobody knows is nobody's change", function()
  local vault = setmetatable({
    name = "vault", attributes = { size = { type = "integer" }, code = { type = "integer" } },
    rollback = { wanted = function(_, attrs)
      if attrs.code == 0 then attrs.code = nil end
      return attrs
    end },
    probe = function(_, _, want) return { size = 1, code = want and want.code and 7 or nil } end,
  }, { __index = fake.thing })
  rtypes.vault = vault
  for code, count in pairs { [0] = 0, [6] = 1, [7] = 0 } do
    local now = recorded { { "vault:a", { size = 1, code = code }, false } }
    local target = recorded { { "vault:a", { size = 1, code = 8 }, false } }
    local desired = rollback.compose(self, {}, now, target)
    t.equal(#conflicts.find(ask.new(fake.new({}).conn, {}), desired, now, self.types, {}), count)
  end
end)

-- { what, id of its step, what stands at the path, whether the step was its last, conflicts }
for _, case in ipairs {
  { "what it has put in the place of another thing", "bag:/x", "bag", false, 0 },
  { "what it was about to put there", "bag:/x", nil, true, 0 },
  { "what is gone, though it had put something there", "bag:/x", nil, false, 1 },
  { "what somebody else has put there since", "bag:/x", "link", true, 1 },
  { "what it has put elsewhere", "bag:/y", "bag", false, 1 },
} do
  t.case("a run that did not end: " .. case[1], function()
    local box = setmetatable({}, { __index = rtypes.box })
    function box.probe(_, _, want)
      if case[3] and want and not want.force then error("is no box", 0) end
      return case[3] and { occupied = case[3] } or nil
    end
    local types = { get = function(_, name) return name == "box" and box or rtypes[name] end }
    local now = recorded { { "box:/x", { occupied = false }, false } }
    now.status = { step = 2, journal = { { n = case[4] and 2 or 1, id = case[2] } } }
    local desired = rollback.compose({ types = types, permissions = {} }, {}, now, now)
    t.equal(#conflicts.find(ask.new(fake.new({}).conn, {}), desired, now, types, {}), case[5])
  end)
end

-- { what, size by another name as the step was to make it, conflicts }
for _, case in ipairs { { "is what it has made", 2, 0 }, { "and what is there is somebody else's", 3, 1 } } do
  t.case("a run that did not end: of what a host has one of, it named another, " .. case[1], function()
    local sole = setmetatable({ name = "sole", only = function(state) return tostring(state.size) end },
      { __index = fake.thing })
    function sole.probe(host) return { size = host:thing("sole").size } end
    rtypes.sole = sole
    local now = recorded { { "sole:1", size(1), false } }
    now.status = { step = 2, journal = { { n = 1, id = "sole:2", before = size(1), after = size(case[2]) } } }
    local desired = rollback.compose(self, {}, now, now)
    local found = conflicts.find(ask.new(fake.new({ sole = size(2) }).conn, {}), desired, now, self.types, {})
    t.equal(#found, case[3])
  end)
end

-- What a type says of the way back.
local function planned_with(verdict, state, genesis)
  rtypes.odd = setmetatable({ name = "odd", rollback = { look = function() return verdict end } }, { __index = fake.thing })
  local host = fake.new { a = size(1) }
  local desired = rollback.compose(self, {}, recorded { { "odd:a", state, genesis } }, recorded {})
  return plan.host(host.round(), desired), desired
end

t.case("a thing that stays is changed no more, and its record goes", function()
  local planned, desired = planned_with({ stays = "it is needed" }, size(1), false)
  t.equal({ #planned.changes, planned.remarks[1].kind, planned.remarks[1].text }, { 0, "stays", "it is needed" })
  t.equal({ ids(desired.list), ids(desired.dropped) }, { "", "odd:a" })
end)

t.case("a thing that others need stays, and stays recorded", function()
  local planned, desired = planned_with({ stays = "it is needed", keeps = true }, size(1), false)
  t.equal({ #planned.changes, ids(desired.list), ids(desired.dropped) }, { 0, "", "" })
end)

t.case("a thing that cannot go yet is recorded as it is left", function()
  local planned, desired = planned_with({ instead = { size = 7 }, keeps = true }, size(1), false)
  t.equal({ planned.changes[1].kind, ids(desired.list), desired.list[1].leaves }, { "update", "odd:a", false })
end)

t.case("one path: what was not found in place of another was first, whatever stands there now", function()
  local now = recorded { { "box:/x", {}, { occupied = "bag", hue = 1 } }, { "bag:/x", { occupied = "box" }, { occupied = "box" } } }
  now.resources["bag:/x"].under = true
  local desired = rollback.compose(self, {}, now, recorded {})
  t.equal({ ids(desired.list), ids(desired.dropped), desired.list[1].attrs.hue }, { "box:/x", "-bag:/x", 1 })
end)

t.case("types are told what is there in the end, and what is not", function()
  local desired = rollback.compose(self, {}, recorded { { "thing:a", size(1), false } }, recorded { { "thing:b", size(1), false } })
  for _, resource in ipairs(desired.list) do
    t.equal({ resource.back.leaving, resource.back.staying }, { { thing = { "a" } }, { thing = { "b" } } })
  end
end)

t.case("another thing is wanted instead", function()
  local planned = planned_with({ instead = { size = 7 }, note = "so" }, size(1), false)
  t.equal({ planned.changes[1].kind, planned.changes[1].to.size, planned.remarks[1].kind }, { "update", 7, "note" })
end)

t.case("a barrier is noted, and planned as if it were crossed", function()
  local planned = planned_with({ barrier = "data", data = true }, size(1), false)
  t.equal({ planned.changes[1].kind, planned.remarks[1].kind, planned.remarks[1].data }, { "delete", "barrier", true })
end)

t.case("a replica does not go back without its source", function()
  rtypes.copy = setmetatable({ name = "copy", rollback = { peers = function() return { "10.0.0.1" } end } },
    { __index = fake.thing })
  local desired = rollback.compose(self, {}, recorded { { "copy:a", size(1), false } }, recorded {})
  local db1 = { name = "db1", address = "10.0.0.1" }
  local two = { name = "db2", status = "ok", entry = { name = "db2", address = "10.0.0.2" } }
  two.plan = plan.host(fake.new({ a = size(1) }).round(), desired)
  local run = { hosts = { two }, inventory = { hosts = { db1, two.entry } } }
  t.raises(function() peers.check(run) end, "copy:a cannot go back alone, without 'db1'")
  table.insert(run.hosts, { name = "db1", status = "ok", entry = db1, plan = { changes = {} } })
  peers.check(run)
end)

t.case("what was recorded before what it needs comes back after it, and goes before it", function()
  local needs = require "neap.engine.needs"
  local nest = { attributes = {}, depends = function(_, attrs) return { "thing:" .. attrs.above } end }
  local kept = recorded {
    { "daemon:d", size(1), false, meta = { restart_on = { "thing:a" } } }, { "nest:f", { above = "b" }, false },
    { "thing:a", size(1), false }, { "thing:c", size(1), false, meta = { after = { "thing:b" } } },
    { "thing:b", size(1), false },
  }
  local types = { get = function(_, name) return name == "nest" and nest or rtypes[name] end }
  t.equal(table.concat(needs.order(kept, types), " "), "thing:a daemon:d thing:b nest:f thing:c")
end)

t.case("a line comes back after the line below which it stood", function()
  rtypes.line, rtypes.block = require "neap.types.line", require "neap.types.block"
  local target = recorded {
    { "line:b", { path = "/f", line = "b", stood = "# END neap: x\n" }, false },
    { "block:x", { path = "/f", content = "x\n", comment = "#", stood = "a\n" }, false },
    { "line:other", { path = "/g", line = "a" }, false },
    { "line:a", { path = "/f", line = "a", stood = "" }, false },
  }
  t.equal(ids(rollback.compose(self, {}, recorded {}, target).list), "line:other line:a block:x line:b")
end)

-- A project whose last run was told `playbook`; `neap verb` in its folder `here`, with a host that nobody can reach.
local function run_in(playbook, here, verb)
  local store = require "neap.core.store"
  local root = require("project").write {
    ["inventory.lua"] = 'return { hosts = { web1 = { address = "127.0.0.1", port = 1 } } }', ["deep/er/x"] = "",
    ["playbooks/site.lua"] = "", [".neap/x"] = "",
  }
  local st <close> = assert(store.open(root .. "/.neap/state.git", { create = true }))
  assert(st:commit {
    changes = { ["run.json"] = '{"playbook":"' .. playbook .. '","verb":"apply"}\n', ["hosts/web1/order.json"] = "[]\n" },
    message = "apply", author_name = "a", author_email = "a@b", time = 1700000000,
  })
  local neap = os.getenv "NEAP" or "neap"
  local pipe = io.popen(("cd %s/%s && %s %s -i %s/inventory.lua 2>&1; echo $?"):format(root, here, neap, verb, root))
  local out = pipe:read "a"
  pipe:close()
  return out
end

for _, case in ipairs { { "playbooks/site.lua", "." }, { "playbooks/site.lua", "deep/er" }, { "gone.lua", "." } } do
  for _, verb in ipairs { "rollback HEAD --plan", "rollback HEAD -y" } do
    t.case(("%s, the last run with '%s', in '%s'"):format(verb, case[1], case[2]), function()
      t.matches(run_in(case[1], case[2], verb), "web1: .*\n4\n$")
    end)
  end
end
require("project").clean()

-- The way back to genesis of real types: the list, what is dropped, and the resource of an id.
local function to_genesis(entries)
  for _, name in ipairs { "systemd_unit", "service", "group", "user" } do rtypes[name] = require("neap.types." .. name) end
  local desired = rollback.compose(self, {}, recorded(entries), recorded {})
  return ids(desired.list), ids(desired.dropped), desired.by_id
end
local UNIT = { content = "", running = true, enabled = true }

t.case("a service that was first looked at when its unit was away is as that brings it", function()
  local list, dropped, by_id = to_genesis { { "systemd_unit:x.service", false, UNIT }, { "service:x", { running = true }, false } }
  t.equal({ list, dropped }, { "systemd_unit:x.service", "-service:x" })
  t.equal(by_id["systemd_unit:x.service"].attrs.running, true)
end)

t.case("how a service was is a matter of its own record, where it has one", function()
  local list, _, by_id = to_genesis {
    { "systemd_unit:x.service", false, UNIT }, { "service:x", { running = false }, { running = false } },
  }
  t.equal({ list, by_id["systemd_unit:x.service"].attrs }, { "systemd_unit:x.service service:x", { content = "" } })
end)

t.case("who was in a group that went is in it again, also one who was looked at after that", function()
  local _, _, by_id = to_genesis {
    { "group:ops", false, { gid = 7, members = { "ada", "bob", "eve" } } },
    { "user:ada", { groups = {} }, { groups = { "x" } } }, { "user:eve", { uid = 7 }, { uid = 8 } },
  }
  t.equal({ by_id["group:ops"].attrs.members, by_id["user:ada"].attrs.groups }, { { "bob", "eve" }, { "ops", "x" } })
end)

t.case("who goes back to what he was is in no group that is to be absent then", function()
  local now = recorded {
    { "group:ops", false, { gid = 7, members = { "ada" } } }, { "user:ada", { groups = {} }, { groups = { "ops", "x" } } },
  }
  local list = rollback.compose(self, {}, now, recorded { { "group:ops", false } }).list
  t.equal({ ids(list), list[1].attrs.groups }, { "user:ada -group:ops", { "x" } })
end)

t.case("a host that cannot say what is needed is not changed", function()
  rtypes.deb = setmetatable({ name = "deb", batch = true, simulate = function() return {} end, rollback = {
    needed = function() require("neap.look").fail "apt is broken" end } }, { __index = fake.thing })
  local things, list = { a = size(1), b = size(1), c = size(1) }, {}
  for i, id in ipairs { "deb:a", "thing:b", "deb:c" } do list[i] = { id, size(1), false } end
  local planned = plan.host(fake.new(things).round(), rollback.compose(self, {}, recorded(list), recorded {}))
  t.equal(#planned.errors, 1)
  t.matches(tostring(planned.errors[1]), "deb:c: apt is broken")
end)

t.case("what would need a thing that is to be absent stays, and stays recorded", function()
  to_genesis {}
  local away = { id = "systemd_unit:x.service", rtype = rtypes.systemd_unit, key = "x.service", absent = true, attrs = {}, meta = {} }
  local desired = fake.desired { away }
  rollback.take_back(self, desired, recorded { { "service:x", false, { running = true } } }, { ["service:x"] = true })
  local planned, service = { remarks = {} }, desired.by_id["service:x"]
  t.truthy(way_back.is_stuck(planned, service))
  way_back.part(desired)
  t.equal({ planned.remarks[1].text, ids(desired.list) },
    { "it would need systemd_unit:x.service, which is to be absent", "-systemd_unit:x.service" })
end)

-- { what, debs in the order in which they were recorded with a thing between them, who is needed by whom, transactions }
for _, case in ipairs {
  { "goes with that one", "tool lib", { lib = "tool" }, "lib tool" },
  { "goes with the last that needs it", "app doc tool lib", { lib = "tool app" }, "tool / doc / lib app" },
  { "goes with all between", "app tool lib", { lib = "tool app", tool = "app" }, "lib tool app" },
  { "but one that none needs goes in its turn", "tool lib", {}, "lib / tool" },
} do
  t.case("a package that is needed by one that goes later " .. case[1], function()
    local list, things = {}, {}
    for name in case[2]:gmatch "%a+" do
      things[name], things["x" .. name] = size(1), size(1)
      table.move({ { "deb:" .. name, size(1), false }, { "thing:x" .. name, size(1), false } }, 1, 2, #list + 1, list)
    end
    local function needed(_, leaving, staying)
      local found = {}
      for _, name in ipairs(leaving) do
        for _, other in ipairs(staying) do
          if (case[3][name] or ""):find(other, 1, true) then found[#found + 1] = name end
        end
      end
      return found
    end
    rtypes.deb = setmetatable({ name = "deb", batch = true, rollback = { needed = needed }, simulate = function() return {} end },
      { __index = fake.thing })
    local planned = plan.host(fake.new(things).round(), rollback.compose(self, {}, recorded(list), recorded {}))
    local text, batch = "", nil
    for _, change in ipairs(planned.changes) do
      if change.batch then
        text = text .. (batch and (batch == change.batch and " " or " / ") or "") .. change.resource.key
        batch = change.batch
      end
    end
    t.equal({ text, #planned.changes }, { case[4], #list })
  end)
end
