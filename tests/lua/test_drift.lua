--- Drift: recorded, found and wanted, held against each other.
local t = require "harness"
local fake = require "fake_host"
local drift = require "neap.engine.drift"

local types = { get = function(_, name) return fake[name] end }

-- What recorded.host would give: { { name, size|false } … }
local function kept(list, rtype)
  local made = { resources = {}, order = {}, status = { status = "complete", machine_id = "m" } }
  for i, one in ipairs(list) do
    local id = (rtype or "thing") .. ":" .. one[1]
    made.order[i] = id
    made.resources[id] = {
      id = id, type = rtype or "thing", key = one[1], state = one[2] and { size = one[2] }, managed = { size = true },
      managed_names = { "size" }, options = {}, meta = {}, where = "site.lua:1",
    }
  end
  return made
end

local function look(things, recorded, desired, marks, rtype)
  local host = fake.new(things)
  host.marks = marks or {}
  local made = drift.host({ conn = host.conn, facts = { machine_id = "m" } }, kept(recorded, rtype), types,
    desired and fake.desired(desired))
  t.equal(host.log, {}, "scripts that were run")
  return made
end

local SIGN = { create = "+", update = "~", delete = "-", unknown = "?" }

local function said(changes)
  local list = {}
  for i, change in ipairs(changes) do
    local from, to = change.from and change.from.size, change.to and change.to.size
    list[i] = ("%s %s %s→%s"):format(SIGN[change.kind], change.resource.key, from or "", to or "")
    for _, note in ipairs(change.notes) do list[i] = list[i] .. "; " .. note end
    if change.unknown then list[i] = list[i] .. "; " .. change.unknown end
  end
  return list
end

local thing = fake.resource
-- { name, things, recorded, desired, foreign, pending, gone }
for _, case in ipairs {
  { "as recorded: nothing", { a = { size = 1 } }, { { "a", 1 } }, nil, {}, {} },
  { "another size", { a = { size = 2 } }, { { "a", 1 } }, nil, { "~ a 1→2" }, {} },
  { "deleted", {}, { { "a", 1 } }, nil, { "- a 1→" }, {} },
  { "recorded as absent, and back", { a = { size = 3 } }, { { "a", false } }, nil, { "+ a →3" }, {} },
  { "all three agree", { a = { size = 1 } }, { { "a", 1 } }, { thing("a", { size = 1 }) }, {}, {} },
  { "the playbook wants what was recorded", { a = { size = 2 } }, { { "a", 1 } }, { thing("a", { size = 1 }) },
    { "~ a 1→2" }, {} },
  { "the playbook wants what was found", { a = { size = 2 } }, { { "a", 1 } }, { thing("a", { size = 2 }) },
    { "~ a 1→2; the playbook wants it so" }, { "~ a 1→2" } },
  { "the playbook does not say", { a = { size = 2 } }, { { "a", 1 } }, { thing("a", {}) },
    { "~ a 1→2; the playbook leaves it so" }, {} },
  { "the playbook wants a third thing", { a = { size = 2 } }, { { "a", 1 } }, { thing("a", { size = 3 }) },
    { "~ a 1→2; the playbook wants size: 3" }, { "~ a 1→3" } },
  { "only the playbook moved", { a = { size = 1 } }, { { "a", 1 } }, { thing("a", { size = 3 }) }, {}, { "~ a 1→3" } },
  { "the playbook wants it gone", { a = { size = 2 } }, { { "a", 1 } }, { thing("a", nil) },
    { "~ a 1→2; the playbook wants it to be absent" }, { "- a 1→" } },
  { "new in the playbook", {}, {}, { thing("a", { size = 3 }) }, {}, { "? a →; it is new in the playbook" } },
  { "no longer in the playbook", { a = { size = 2 } }, { { "a", 1 } }, {}, { "~ a 1→2" }, {}, { "thing:a" } },
} do
  t.case("drift: " .. case[1], function()
    local made = look(case[2], case[3], case[4])
    t.equal({ said(made.foreign), said(made.pending), made.gone }, { case[5], case[6], case[7] or {} })
  end)
end

t.case("drift: what a run has made that did not end is no other hands' work", function()
  local host, recorded = fake.new { a = { size = 2 }, b = { size = 2 } }, kept { { "a", 1 }, { "b", 1 } }
  local entry = { n = 1, id = "thing:a", before = { size = 1 }, after = { size = 2 } }
  recorded.status = { status = "incomplete", machine_id = "m", step = 2, journal = { entry } }
  local made = drift.host({ conn = host.conn, facts = { machine_id = "m" } }, recorded, types)
  t.equal({ said(made.unfinished), said(made.foreign) }, { { "~ a 1→2" }, { "~ b 1→2" } })
end)

-- { what is found of a and b, which run is at work, made by it, by others }
for _, case in ipairs {
  { "what its journal says", { 2, 2 }, { { n = 1, id = "thing:a", before = { size = 1 }, after = { size = 2 } } },
    { "~ a 1→2" }, { "~ b 1→2" } },
  { "a third thing", { 3, 1 }, { { n = 1, id = "thing:a", before = { size = 1 }, after = { size = 2 } } }, {},
    { "~ a 1→3" } },
  { "none", { 2, 1 }, nil, {}, { "~ a 1→2" } },
  { "nothing differs", { 1, 1 }, "not asked", {}, {} },
} do
  t.case("drift while a run is at work: " .. case[1], function()
    local host, recorded = fake.new { a = { size = case[2][1] }, b = { size = case[2][2] } }, kept { { "a", 1 }, { "b", 1 } }
    local made = drift.host({ conn = host.conn, facts = { machine_id = "m" } }, recorded, types, nil, nil, function()
      t.truthy(case[3] ~= "not asked")
      return case[3] and { made = { journal = case[3], step = 2 } }
    end)
    t.equal({ said(made.running or {}), said(made.foreign) }, { case[4], case[5] })
  end)
end

t.case("the steps of the run that is at work are those since the last one that ended", function()
  local entries = require("neap.engine.at_work").steps('{"id":"thing:a","n":1}\n{"ended":"ok"}\n{"id":"thing:b","n":1}\n3\n'
    .. '{"id":"thing:c","n":2,"after":7}\n{"x')
  t.equal({ #entries, entries[1].id }, { 1, "thing:b" })
end)

t.case("drift: a restart that an earlier run owes is not applied yet", function()
  local made = look({ d = { size = 1 } }, { { "d", 1 } }, nil, { ["daemon:d"] = "restart" }, "daemon")
  t.equal(made.foreign, {})
  t.equal({ made.pending[1].trigger, made.pending[1].because }, { "restart", { "an earlier run" } })
end)

t.case("drift: another machine", function()
  local host = fake.new { a = { size = 1 } }
  local made = drift.host({ conn = host.conn, facts = { machine_id = "other" } }, kept { { "a", 1 } }, types)
  t.matches(made.machine, "another machine")
end)
