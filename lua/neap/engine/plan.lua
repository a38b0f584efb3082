--- The plan of one host: from what was observed to what is desired.
--
-- First every resource is probed, all together. Then the resources are
-- walked in order, and each planned change edits the model of the host, so
-- that what comes later is planned against the host as it will then be.

local Model = require "neap.engine.model"
local came_with = require "neap.engine.came_with"
local difference = require "neap.engine.difference"
local taint = require "neap.core.taint"
local recorded = require "neap.engine.recorded"
local same = require "neap.engine.same"
local fault = require "neap.engine.fault"
local way_back = require "neap.engine.way_back"

local plan = {}

-- Which verb wins when a resource is triggered more than once.
local WEIGHT = { run = 1, reload = 2, restart = 3 }

local function wanted(resource)
  if resource.absent then return nil end
  return resource.attrs
end
plan.wanted = wanted

local function probe_of(resource)
  return function(host) return resource.rtype.probe(host, resource.key, wanted(resource), resource.attrs) end
end

-- A probe, and after it the question whether a restart is still owed from
-- an earlier run.
local function first_probe_of(resource)
  local probe = probe_of(resource)
  if not resource.rtype.triggers then return probe end
  return function(host)
    host:expect("pending", resource.id)
    local found, around = probe(host)
    return found, around, host:pending(resource.id)
  end
end

--- Probes resources together.
-- @param besides function(host) that asks more, or nil
-- @return list of jobs parallel to `resources` (see ask.run)
function plan.probe(round, resources, model, besides)
  local jobs = {}
  for i, resource in ipairs(resources) do
    local run = first_probe_of(resource)
    local job = { model = model }
    job.run = function(host)
      local found
      found, job.around, job.owed = run(host)
      return found
    end
    jobs[i] = job
  end
  round:run(besides and table.move(jobs, 1, #jobs, 1, { [#jobs + 1] = { run = besides } }) or jobs)
  return jobs
end

local function hide_one(found, name)
  if type(found[name]) == "string" then found[name] = taint.wrap(found[name], "previous") end
end

--- Hides what was found where what is wanted is a secret, or what is recorded
-- is one: the old value is likely one too.
-- @param secrets set of the names that are recorded so, or nil
function plan.hide(found, want, secrets)
  if not found then return found end
  for _, name in ipairs(want and taint.among(want) or {}) do hide_one(found, name) end
  for name in pairs(secrets or {}) do hide_one(found, name) end
  return found
end

-- The verb that is due because of planned changes of watched resources, or
-- because an earlier run owes it, and the ids to blame.
local function trigger_of(self, resource, owed)
  local verb, because = owed, {}
  for _, candidate in ipairs(resource.rtype.triggers or {}) do
    for _, id in ipairs(resource.meta[candidate .. "_on"] or {}) do
      if self.changed[id] then
        because[#because + 1] = id
        if not verb or WEIGHT[candidate] > WEIGHT[verb] then verb = candidate end
      end
    end
  end
  if owed and #because == 0 then because[1] = "an earlier run" end
  return verb, because
end

-- Notes what is against a resource; returns whether something is.
local function has_failed(self, resource, job)
  if not job.error then return false end
  if not way_back.takes(self, resource, job) then
    self.errors[#self.errors + 1] = fault.new("failed", resource.where, "%s: %s", resource.id, job.error)
  end
  return true
end

local function change_of(self, resource, job)
  local change
  if job.unknown then
    change = { kind = "unknown", unknown = job.unknown, differs = {} }
  else
    local want = wanted(resource)
    change = difference.change(resource.rtype, plan.hide(job.found, want), want)
    resource.secrets = change and change.from and self.secrets_of(resource)
    if resource.secrets then
      change = difference.change(resource.rtype, plan.hide(job.found, want, resource.secrets), want)
    end
  end
  local verb, because = trigger_of(self, resource, job.owed)
  if verb and not resource.absent then
    change = change or { kind = "update", from = job.found, to = job.found, differs = {} }
    change.trigger, change.because, change.owed = verb, because, job.owed
    -- What is started now has no need to be restarted.
    change.starts = resource.rtype.starts and resource.rtype.starts(change)
  end
  if change then
    change.id, change.resource, change.notes = resource.id, resource, {}
  end
  return change
end

-- From here on something may be there, or be gone, that no model has foreseen.
local function unsure(self, change)
  local rtype = change.resource.rtype
  if not rtype.batch and not rtype.barrier then return end
  self.model.sweeps = true
  if change.kind ~= "delete" then self.model.unsure = self.model.unsure or ("%s may bring it"):format(change.id) end
end

local function add(self, change)
  self.changes[#self.changes + 1] = change
  self.changed[change.id] = change
end

local function take_effect(self, change)
  local resource = change.resource
  local rtype = resource.rtype
  if rtype.effects and change.kind ~= "unknown" and not (change.trigger and next(change.differs) == nil) then
    self.model.leaving, self.model.partly = resource.leaves, rtype.inside ~= nil
    rtype.effects(resource.key, change, self.model)
    if change.kind ~= "update" then self.model:list_paths(recorded.paths_of(resource), change.to ~= nil) end
    self.model.leaving, self.model.partly = nil, nil
  end
end

-- What is known of a resource when the walk reaches it: as probed, or
-- probed again where an earlier change touched what it asked; what was in
-- its way at first may be gone by then.
local function look_again(self, resource, job)
  local touched, leaving = self.model:touches(job.asked)
  if not touched and not (job.error and self.model.unsure) then return job end
  local again = plan.probe(self.round, { resource }, self.model)[1]
  -- What was Neap's is no part of what was there before Neap.
  if leaving and not resource.leaves and not (again.error or again.unknown) then
    self.before[resource.id] = plan.hide(again.found, wanted(resource)) or false
  end
  return again
end

-- The type's own foresight of a change, as a job, or nil. A way back is not stopped by it, but where another thing
-- stands there than is to go.
local function foresight(self, resource, change)
  local foresee, is_delete = change.to and resource.rtype.foresee, change.kind == "delete"
  if is_delete then foresee = resource.rtype.foresee_delete end
  if not foresee or resource.back and not (is_delete and change.from.occupied) then return nil end
  return { run = function(host) foresee(host, resource.key, change, self.model) end }
end

-- Notes what stands against a change by it.
local function heed_foresight(self, change)
  local resource = change.resource
  local job = foresight(self, resource, change)
  if not job then return end
  job.model = self.model
  self.round:run { job }
  has_failed(self, resource, job)
end

-- The same for all that differs at first sight, together, so that the walk finds its answers heard.
local function foresee_all(self, resources, jobs)
  local list = {}
  for i, resource in ipairs(resources) do
    local job = jobs[i]
    local change = not (job.error or job.unknown) and difference.change(resource.rtype, job.found, wanted(resource))
    list[#list + 1] = change and foresight(self, resource, change) or nil
  end
  if list[1] then self.round:run(list) end
end

local function plan_one(self, resource, job)
  if way_back.is_stuck(self, resource) then return nil end
  way_back.tell_kept(self, resource)
  job = look_again(self, resource, job)
  if job.refused and came_with.is_to_come(resource, self.coming) then
    resource.covered = true
    return nil
  end
  if has_failed(self, resource, job) then return nil end
  local change = change_of(self, resource, job)
  change = change and way_back.hear(self, resource, change, function()
    return change_of(self, resource, plan.probe(self.round, { resource }, self.model)[1])
  end)
  if change then
    heed_foresight(self, change)
    add(self, change)
    take_effect(self, change)
    unsure(self, change)
  end
  return change
end

-- Consecutive resources of a batching type are one transaction: the place of its last one.
local function last_of(resources, first)
  local last, one = first, resources[first]
  while resources[last + 1] and resources[last + 1].rtype == one.rtype and
    resources[last + 1].transaction == one.transaction do
    last = last + 1
  end
  return last
end

-- Plans the transaction that begins at `first`; what it returns is where to go on.
local function plan_batch(self, resources, jobs, first)
  local rtype, changes = resources[first].rtype, {}
  local last = way_back.put_off(self, resources, jobs, first, last_of(resources, first))
  for i = first, last do changes[#changes + 1] = plan_one(self, resources[i], jobs[i]) end
  if #changes > 0 then
    local notes, problem, culprit
    local job = { run = function(host)
      notes, problem, culprit = rtype.simulate(host, changes, self.asked, self.model)
    end }
    self.round:run { job }
    if not notes and resources[first].back then
      notes = {}
      way_back.remark(self, (culprit or changes[1]).resource, "impossible", job.error or job.unknown or problem)
    elseif not notes then
      culprit = culprit or changes[1]
      self.errors[#self.errors + 1] = fault.new("failed", culprit.resource.where, "%s: %s", culprit.id,
        job.error or job.unknown or problem or "cannot be simulated")
    end
    local batch = { changes = changes, rtype = rtype, notes = notes or {} }
    for _, change in ipairs(changes) do change.batch = batch end
    came_with.note(self, resources, jobs, last + 1, function(list)
      local found = plan.probe(self.round, list, self.model)
      for j, resource in ipairs(list) do found[j].found = plan.hide(found[j].found, wanted(resource)) end
      return found
    end)
  end
  return last + 1
end

-- What is one file by two paths must be wanted alike by both.
local function refuse(self, resource)
  local other = self.same[resource.id][1]
  self.errors[#self.errors + 1] = fault.new("failed", resource.where, "%s: is the same file as %s, which wants it "
    .. "otherwise: a link leads from one to the other; declare it once, by one of the paths", resource.id, other.id)
end

-- What is wanted so, and a package brings otherwise after that.
local function refuse_too_early(self, resource, packages)
  self.errors[#self.errors + 1] = fault.new("failed", resource.where, "%s: %s brings it otherwise after that: declare "
    .. "it below, with after = that package", resource.id, table.concat(packages, " or "))
end

-- The ids of the packages that bring anew what was planned at place `i`, before them; or nil.
local function packages_after(self, places, job, i)
  local ids = self.model:brought(job.asked)
  for _, id in ipairs(ids or {}) do
    if places[id] and places[id] > i then return ids end
  end
end

-- What may not be in the end what it is planned to be: { resource, is_shared, packages = ids of those that bring it }.
local function doubtful(self, resources, jobs)
  local list, places = {}, {}
  for i, resource in ipairs(resources) do places[resource.id] = i end
  for i, resource in ipairs(resources) do
    if came_with.is_renewed(resource, self.changed) then resource.covered = true end
    local is_shared = resource.leaves and resource.rtype.inside or self.same[resource.id]
    local packages = packages_after(self, places, jobs[i], i)
    local may_differ = (is_shared or packages) and not resource.covered and (resource.leaves or not resource.back)
    if may_differ and self.model:touches(jobs[i].asked) then
      list[#list + 1] = { resource = resource, is_shared = is_shared, packages = packages }
    end
  end
  return list
end

-- What goes to what was before Neap, and will not be that in the end, since something that is wanted writes the same
-- part of a file, or the same file by another path, or a package brings it anew: that is the other's business then (see
-- covered.lua).
local function cover(self, resources, jobs)
  if not self.changes[1] then return end
  local list, again = doubtful(self, resources, jobs), {}
  for i, one in ipairs(list) do again[i] = one.resource end
  for i, job in ipairs(list[1] and plan.probe(self.round, again, self.model) or {}) do
    local one, resource, want = list[i], again[i], wanted(again[i])
    local is_known = not (job.error or job.unknown)
    local differs = is_known and difference.change(resource.rtype, plan.hide(job.found, want), want) ~= nil
    -- of what a package brings its content may be unknown, and that it is there is not
    if job.unknown and one.packages and (not want or resource.leaves) then differs = true end
    if resource.leaves then
      resource.covered = differs
    elseif differs then
      if one.is_shared then refuse(self, resource) else refuse_too_early(self, resource, one.packages) end
    end
  end
end

-- Set of the ids of packages that are not there and are wanted.
local function coming_of(resources, jobs)
  local ids = {}
  for i, resource in ipairs(resources) do
    if resource.rtype.batch and not resource.absent and jobs[i].found == nil then ids[resource.id] = true end
  end
  return ids
end

-- What is around things that are not there, as they were looked at first. A part of a file in a directory that is still
-- to be made is refused as it is wanted; it is asked for as if it were to be absent.
local function around_of(round, resources, jobs)
  local around, refused = {}, {}
  for i, resource in ipairs(resources) do
    around[resource.id] = jobs[i].around
    local is_refused = jobs[i].refused and resource.rtype.inside and not resource.absent
    refused[#refused + 1] = is_refused and recorded.as_absent(resource) or nil
  end
  for i, job in ipairs(refused[1] and plan.probe(round, refused) or {}) do around[refused[i].id] = job.around end
  return around
end

--- Plans one host.
-- @param round neap.engine.ask round of the host
-- @param desired what evaluate.host returned, its list in order
-- @param secrets_of function(resource) -> set of the names of attributes that
--   are recorded as secrets | nil; nil: none are
-- @return { changes = { change … } in order, errors = { fault … },
--   observed = { [id] = attrs|false } as first probed, desired = desired,
--   before = the same, but as it will be when what goes to what was before Neap has gone,
--   around = { [id] = what its probe says of what is around a thing that is not there },
--   came = { [id] = what a package of the plan brings, see came_with.lua } }
--   remarks = { { id, kind, text } … } of resources on their way back.
--   A change is { id, resource, kind = create|update|delete|unknown, from,
--   to, differs, trigger, because, notes, batch, unknown }.
function plan.host(round, desired, secrets_of)
  local self = {
    round = round, secrets_of = secrets_of or function() end, model = Model.new(round.answers), changes = {},
    changed = {}, errors = {}, remarks = {}, before = {}, came = {},
  }
  local resources = desired.list
  local jobs = plan.probe(round, resources, nil, same.question(resources))
  local real
  real, self.same = same.find(resources, round.answers.real or {})
  self.model:lead(real)
  self.asked, self.coming = round:asked_by_kind(), coming_of(resources, jobs)
  local observed = {}
  self.around = around_of(round, resources, jobs)
  for i, resource in ipairs(resources) do
    observed[resource.id] = plan.hide(jobs[i].found, wanted(resource)) or false
  end
  foresee_all(self, resources, jobs)
  local i = 1
  while resources[i] do
    if resources[i].rtype.batch then
      i = plan_batch(self, resources, jobs, i)
    else
      plan_one(self, resources[i], jobs[i])
      i = i + 1
    end
  end
  cover(self, resources, jobs)
  way_back.part(desired)
  return {
    changes = self.changes, changed = self.changed, errors = self.errors, observed = observed, desired = desired,
    remarks = self.remarks, before = setmetatable(self.before, { __index = observed }),
    around = self.around, came = self.came,
  }
end

return plan
