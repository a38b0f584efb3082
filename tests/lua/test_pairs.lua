--- Histories made at random on a made-up host: playbooks that follow each other, with pruning and without, and from
-- their end back to any of them. The engine's part of what tests/property does with real hosts and types.
--
-- CHAINS=n (default 40) and SEED=s in the environment; a failure names its seed.
local t = require "harness"
local apply = require "neap.engine.apply"
local conflicts = require "neap.engine.conflicts"
local crypto = require "neap.core.crypto"
local fake = require "fake_host"
local plan = require "neap.engine.plan"
local record = require "neap.engine.record"
local recorded = require "neap.engine.recorded"
local rollback = require "neap.engine.rollback"
local verify = require "neap.engine.verify"
local store = require "neap.core.store"
local sys = require "neap.core.sys"

local NAMES = { "a", "b", "c", "d", "e", "f", "g" }
local DAEMONS = { "x", "y" }
local HOOKS = {
  journal = function() end, progress = function() end, wait = function() end, interrupted = function() return false end,
}

local base = os.tmpname()
os.remove(base)
if sys.stat("/dev/shm") then base = "/dev/shm/neap-" .. base:match("[^/]*$") end
assert(sys.mkdir(base))
local key = assert(crypto.load_key(base .. "/seal.key", { create = true }))
local types = { permissions = {} }

-- A service as the shipped one: put right first, restarted where it was there.
local daemon = setmetatable({
  steps = function(name, change)
    local steps = {}
    if change.kind == "delete" then return { "del " .. name } end
    if change.kind == "create" or next(change.differs) then steps[1] = "set " .. name .. " " .. change.to.size end
    if change.trigger then steps[#steps + 1] = change.trigger .. " " .. name end
    return steps
  end,
  effects = fake.thing.effects,
}, { __index = fake.daemon })
types.types = { get = function(_, name) return name == "daemon" and daemon or fake[name] end }

local function copy(things)
  local out = {}
  for name, thing in pairs(things) do out[name] = { size = thing.size } end
  return out
end

local function chance(percent) return math.random(100) <= percent end

-- A playbook: resources in random order, things before the daemons that watch them.
local function playbook()
  local list, there = {}, {}
  for _, name in ipairs(NAMES) do
    if chance(55) then
      local attrs = chance(75) and { size = math.random(3) } or nil
      table.insert(list, math.random(#list + 1), fake.resource(name, attrs))
      there[#there + 1] = "thing:" .. name
    end
  end
  for _, name in ipairs(DAEMONS) do
    local watched = {}
    for _, id in ipairs(there) do
      if chance(40) then watched[#watched + 1] = id end
    end
    local attrs = chance(85) and { size = math.random(3) } or nil
    if chance(60) then list[#list + 1] = fake.resource(name, attrs, { restart_on = watched }, daemon) end
  end
  return fake.desired(list)
end

local function commit(st, host, desired, planned, observed)
  local changes, head = {}, st:head()
  local resources = table.move(desired.list, 1, #desired.list, 1, {})
  for _, resource in ipairs(desired.dropped or {}) do resources[#resources + 1] = resource end
  record.host("h", head and st:tree(head, "hosts/h") or {}, {
    resources = resources, observed = observed, before = planned.observed, status = { status = "complete" },
  }, changes, key)
  host.last = assert(st:commit {
    parent = head, changes = changes, message = "m", author_name = "a", author_email = "a@b", time = 1,
  })
  return host.last
end

-- Carries out a desired state the way converge does; returns the commit.
local function converge(st, host, desired)
  local planned = plan.host(host.round(), desired)
  t.equal(planned.errors, {})
  local result = apply.host({ conn = host.conn, facts = {}, plan = planned }, HOOKS)
  t.equal(result.failure and tostring(result.failure), nil)
  local observed, left = verify.look({ conn = host.conn, facts = {} }, desired.list)
  t.equal(#left, 0, "not as wanted")
  for _, change in ipairs(planned.changes) do
    t.equal(observed[change.id] or nil, change.to and { size = change.to.size }, "predicted " .. change.id)
  end
  for _, resource in ipairs(desired.list) do resource.left = resource.leaves end
  t.equal(host.marks, {}, "restarts that are owed")
  return commit(st, host, desired, planned, observed)
end

local function now_of(st, rev) return recorded.host(st, rev, "h", key) end

local function prune(st, desired)
  local now, going = now_of(st, st:head()), {}
  for id in pairs(now.resources) do going[id] = not desired.by_id[id] or nil end
  rollback.take_back(types, desired, now, going)
  return desired
end

local function go_back(st, host, rev)
  local now = now_of(st, st:head())
  local desired = rollback.compose(types, { name = "h" }, now, now_of(st, rev))
  t.equal(#conflicts.find(host.round(), desired, now, types.types, {}), 0, "conflicts with ourselves")
  converge(st, host, desired)
end

local function chain(seed)
  math.randomseed(seed)
  local st = assert(store.open(base .. "/" .. seed .. "/state.git", { create = true }))
  local things = {}
  for _, name in ipairs { "a", "b", "c", "x" } do things[name] = chance(50) and { size = math.random(3) } or nil end
  local host = fake.new(copy(things))
  local states = {}
  for i = 1, math.random(2, 4) do
    local desired = playbook()
    if i > 1 and chance(30) then
      local alone = fake.new(copy(things))
      converge(assert(store.open(base .. "/" .. seed .. "." .. i, { create = true })), alone, fake.desired(desired.list))
      converge(st, host, prune(st, desired))
      t.equal(host.things, alone.things, "pruned, and the same on a host that nothing else was applied to")
    else
      converge(st, host, desired)
    end
    t.equal(#plan.host(host.round(), desired).changes, 0, "changes in a second plan")
    states[i] = { rev = host.last, things = copy(host.things) }
  end
  for _ = 1, 2 do
    local state = states[math.random(#states)]
    go_back(st, host, state.rev)
    t.equal(host.things, state.things, "after the rollback")
    t.equal(st:tree("HEAD", "hosts/h/resources"), st:tree(state.rev, "hosts/h/resources"), "records after the rollback")
  end
  go_back(st, host, nil)
  t.equal(host.things, things, "before neap")
  t.equal(st:tree("HEAD", "hosts/h/resources"), {})
  st:close()
end

local seed = math.tointeger(tonumber(os.getenv("SEED") or 1))
local count = math.tointeger(tonumber(os.getenv("CHAINS") or 40))
for i = seed, seed + count - 1 do
  t.case("a history there and back, seed " .. i, chain, i)
  os.execute("rm -rf '" .. base .. "/" .. i .. "'*")
end
os.execute("rm -rf '" .. base .. "'")
