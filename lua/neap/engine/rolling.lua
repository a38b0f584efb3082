--- Rolling runs: a few hosts at a time, and an end to it when too many fail.
--
--     batch 1        batch 2               …
--     drain ─ change ─ enable   of each host; after each batch: more failed than may? the rest is skipped
--
-- Whatever takes a host out of a run is a failure: it could not be reached, its plan could not be made, a change
-- failed, it went back. Hosts that nothing was ever recorded of are in no rotation yet: they come along with a batch
-- and do not count, so that a fleet is made in one go and changed in steps.
local fault = require "neap.engine.fault"
local project = require "neap.engine.project"
local rotation = require "neap.engine.rotation"
local session = require "neap.engine.session"
local show = require "neap.engine.show"

local rolling = {}

-- ---- batches ----

local function size_of(amount, total)
  if amount.count then return amount.count end
  return math.max(1, math.ceil(total * amount.percent / 100))
end

-- Names of the hosts that something is recorded of.
local function recorded(self)
  local st = project.open(self.opts)
  local head, names = st and st:head(), {}
  for _, entry in ipairs(head and st:list(head, "hosts") or {}) do names[entry.name] = true end
  if st then st:close() end
  return names
end

-- The hosts of this run that a host still has to wait for, each with the resource that waits.
local function awaited(self, host)
  local list = {}
  for _, change in ipairs(host.plan.changes) do
    for _, wait in ipairs(change.resource.meta.wait or {}) do
      local other = self.by_name[wait.host]
      local pending = other and other ~= host and other.status == "ok" and other.plan and
        (wait.id and other.plan.changed[wait.id] or not wait.id and other.plan.changes[1])
      if pending then list[#list + 1] = { host = other, waiter = change, id = wait.id } end
    end
  end
  return list
end

-- As the inventory has them, but who is waited for goes before who waits.
local function in_order(self)
  local order, seen = {}, {}
  local function visit(host)
    if seen[host] then return end
    seen[host] = true
    for _, wait in ipairs(awaited(self, host)) do visit(wait.host) end
    order[#order + 1] = host
  end
  for _, host in ipairs(self.hosts) do
    if host.status == "ok" and host.plan then visit(host) end
  end
  return order
end

local function check_waits(self, order, batch_of)
  for _, host in ipairs(order) do
    for _, wait in ipairs(awaited(self, host)) do
      if batch_of[wait.host] > batch_of[host] then
        fault.raise("playbook", wait.waiter.resource.where,
          "%s on '%s' waits for %s on '%s', whose turn comes in a later batch: put both into one, by a larger serial",
          wait.waiter.id, host.name, wait.id or "all", wait.host.name)
      end
    end
  end
end

local function anything_to_do(self)
  for _, host in ipairs(self.hosts) do
    if host.status == "ok" and host.plan and host.plan.changes[1] then return true end
  end
  return false
end

--- The hosts of a run in batches. Raises a fault where one would wait for a later one.
-- @param known { [name] = true } of those that are recorded, nil: as the state repository says
function rolling.batches(self, serial, known)
  if not serial or not anything_to_do(self) then return { self.hosts } end
  known = known or recorded(self)
  local order, batch_of = in_order(self), {}
  local batches, count = { {} }, 0
  for _, host in ipairs(order) do
    host.rolls = known[host.name] and host.plan.changes[1] ~= nil
    local size = size_of(serial[math.min(#batches, #serial)], #self.hosts)
    if host.rolls and count >= size then
      batches[#batches + 1] = {}
      count = 0
    end
    if host.rolls then count = count + 1 end
    table.insert(batches[#batches], host)
    batch_of[host] = #batches
  end
  check_waits(self, order, batch_of)
  return batches
end

--- The batches in words.
function rolling.say(batches)
  local parts = {}
  for i, batch in ipairs(batches) do
    local names = {}
    for j, host in ipairs(batch) do names[j] = host.name end
    parts[i] = show.names(names)
  end
  return table.concat(parts, ", then ")
end

-- ---- the run ----

local OUT = { ok = false, skipped = false }

local function failures(self)
  local count = 0
  for _, host in ipairs(self.hosts) do
    if OUT[host.status] == nil then count = count + 1 end
  end
  return count
end

local function allowed(self, settings)
  if settings.max_fail then
    return settings.max_fail.count or math.floor(#self.hosts * settings.max_fail.percent / 100)
  end
  return settings.serial and 0 or math.huge
end

--- Whether more hosts have failed than may.
function rolling.is_over(self)
  local most = allowed(self, self.rolling)
  return most < math.huge and failures(self) > most -- they are not counted for each host of a fleet
end

--- Whether so many have failed that those that succeeded go back too.
function rolling.has_failed(self)
  local settings = self.rolling
  if settings.serial or settings.max_fail then return rolling.is_over(self) end
  return failures(self) > 0
end

--- Who failed, in words.
function rolling.say_failed(self)
  local names = {}
  for _, host in ipairs(self.hosts) do
    if OUT[host.status] == nil then names[#names + 1] = host.name end
  end
  return show.names(names) .. " failed"
end

local function skip(self, host)
  session.drop(host, fault.new("skipped", nil, "not changed: %d of %d hosts failed, and no more than %d may",
    failures(self), #self.hosts, allowed(self, self.rolling)))
end

--- Changes all hosts, batch by batch.
-- @param self.rolling what settle() gave, self.batches what batches() gave
-- @param fn function(host)
function rolling.run(self, fn)
  for _, batch in ipairs(self.batches) do
    session.each(self, "applying", function(host)
      if rolling.is_over(self) then return skip(self, host) end
      rotation.around(self, host, fn)
    end, nil, batch)
  end
end

return rolling
