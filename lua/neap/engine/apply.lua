--- Carrying out the plan of one host: its changes and no others.
--
-- Each resource is probed again right before its first write. A host that
-- has moved since the plan is left alone from there on (code "stale").
-- Before a watched resource is written, a mark on the host says which
-- restart is owed (see marks.lua).

local ask = require "neap.engine.ask"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local marks = require "neap.engine.marks"
local named = require "neap.engine.named"
local plan = require "neap.engine.plan"
local show = require "neap.engine.show"
local step = require "neap.engine.step"

local apply = {}

-- What must run before the steps of `changes`, in the same request: the marks
-- of the restarts that they make due, and the journal.
local function prefix_for(self, changes)
  local script, steps = {}, {}
  for i, change in ipairs(changes) do
    local owes = self.watchers[change.id] or {}
    for _, watcher in ipairs(owes) do
      script[#script + 1] = marks.make(watcher.id, watcher.verb)
      if self.owed[watcher.id] ~= "restart" then self.owed[watcher.id] = watcher.verb end
    end
    steps[i] = { change = change, owes = owes }
  end
  script[#script + 1] = self.journal(steps)
  return table.concat(script)
end

-- Puts watched resources that this run has changed back to what they were.
local function put_back(self, watched)
  local back = {}
  for _, one in ipairs(watched) do
    local id = one.on
    local done = self.done[id]
    if done and done.kind ~= "unknown" then
      local resource = done.resource
      local inverse = difference.change(resource.rtype, done.to, done.from)
      if inverse then
        inverse.id, inverse.resource = id, resource
        step.run(self, done, resource.rtype.steps(resource.key, inverse, self.ctx),
          self.journal { { change = inverse } })
        back[#back + 1] = id
        done.put_back = true
      end
    end
  end
  return back
end

-- Whether a restart is due although what this run has changed went back: an earlier run owes it, or not all went.
local function is_still_due(self, change)
  for _, one in ipairs(marks.watched(change.resource)) do
    local done = self.done[one.on]
    if done and not done.put_back then return true end
  end
  return change.owed ~= nil
end

-- Files that belong together are validated together, before the service
-- that reads them is touched. A set that does not pass goes back.
local function validate_set(self, change)
  local resource = change.resource
  local command = resource.meta.validate
  if not command or resource.absent then return end
  local ok, problem = pcall(step.send, self, change, { run = command, title = "validation '" .. command .. "'" })
  if ok then return end
  if not fault.is(problem) or problem.code ~= "failed" then error(problem, 0) end
  local back = put_back(self, marks.watched(resource))
  if is_still_due(self, change) then
    self.owed[resource.id] = self.owed[resource.id] or change.owed
  else
    self.conn:request { script = marks.clear(resource.id), timeout_ms = step.TIMEOUT_MS }
    self.owed[resource.id] = nil
  end
  if #back > 0 then problem.message = problem.message .. "\nput back: " .. table.concat(back, ", ") end
  error(problem, 0)
end

-- What the resource is now, and the change that is still to be made.
local function look_again(self, change)
  local resource = change.resource
  local round = ask.new(self.conn, self.facts)
  local job = plan.probe(round, { resource })[1]
  if job.error then fault.raise("failed", change.id, "%s", job.error) end
  if job.unknown then fault.raise("failed", change.id, "still not known: %s", job.unknown) end
  local found = plan.hide(job.found, plan.wanted(resource), resource.secrets)
  return found, difference.change(resource.rtype, found, plan.wanted(resource))
end

-- Names whose values the plan relied on.
local function compared(change)
  local names = {}
  for name in pairs(plan.wanted(change.resource) or change.from or {}) do names[name] = true end
  return names
end

local function as_planned(change, saw, found)
  return difference.same_state(change.resource.rtype, found, saw, compared(change))
end

-- The change to make now. A resource that is as the plan saw or predicted
-- it is changed as planned. One that an earlier change of this run may have
-- moved is changed as it needs; any other that moved stops the host. What
-- is live (a port that opens, a replica that catches up) moves by itself.
local function change_now(self, change)
  local found, now = look_again(self, change)
  local came = self.came[change.id]
  if came and came.found == nil then came.found = found or false end
  local saw = named.since(self.conn, change.resource.rtype, change.from, found)
  if change.kind ~= "unknown" and not change.resource.rtype.live and not as_planned(change, saw, found) then
    local unforeseen = not now and "is already as wanted" or ("is not as the plan saw it (%s)"):format(
      show.moved(change.resource.rtype, saw, found, compared(change)))
    if not self.barrier then fault.raise("stale", change.id, "%s: the host has moved since the plan", unforeseen) end
    self.surprises[#self.surprises + 1] = { id = change.id, message = unforeseen }
  end
  if not now and change.trigger then now = { kind = "update", from = found, to = found, differs = {} } end
  if now then
    now.trigger, now.owed, now.resource, now.id = change.trigger, change.owed, change.resource, change.id
  end
  return now
end

-- A set is validated before whatever makes its reader read it.
local function needs_validation(change)
  local starts = change.resource.rtype.starts
  return change.trigger or starts and starts(change)
end

local function carry_out(self, change)
  local now = change_now(self, change)
  if not now then return end
  local rtype = change.resource.rtype
  if rtype.triggers and needs_validation(now) then validate_set(self, now) end
  local prefix = prefix_for(self, { now })
  self.done[change.id], now.broken = now, true
  step.run(self, now, rtype.steps(change.resource.key, now, self.ctx), prefix)
  now.broken = nil
  if rtype.triggers and (now.trigger or now.kind == "delete") then
    step.send(self, now, { run = marks.clear(change.id) })
    self.owed[change.id] = nil
  end
  if rtype.barrier then self.barrier = true end
end

local function carry_out_batch(self, batch)
  local prefix = prefix_for(self, batch.changes)
  for _, change in ipairs(batch.changes) do self.done[change.id], change.broken = change, true end
  step.run(self, batch.changes[1], batch.rtype.steps_batch(batch.changes, self.ctx), prefix)
  for _, change in ipairs(batch.changes) do change.broken = nil end
  self.barrier = true
end

-- A host waits for another only where the playbook says so.
local function wait_for_others(self, change)
  for _, other in ipairs(change.resource.meta.wait or {}) do
    self.wait(other.host, other.id, change.id)
  end
end

local function units_of(desired)
  local units = {}
  for _, resource in ipairs(desired.list) do
    if resource.rtype.unit then units[#units + 1] = resource.rtype.unit(resource.key) end
  end
  return units
end

local function run_all(self, changes)
  local batch
  for _, change in ipairs(changes) do
    step.stop_at_signal(self, change)
    wait_for_others(self, change)
    self.guard:before(change, self.ctx)
    if not change.batch then
      carry_out(self, change)
    elseif change.batch ~= batch then
      batch = change.batch
      carry_out_batch(self, batch)
    end
    self.conn = self.guard:after(change) or self.conn
    self.progress(change)
  end
end

-- Where nothing can cut us off.
local UNGUARDED = {
  before = function() end, after = function() end, limit = function(_, ms) return ms end,
  failed = function(_, problem) return problem end,
}

-- What runs before this one have left due: { [id] = verb }.
local function owed_before(changes)
  local owed = {}
  for _, change in ipairs(changes) do owed[change.id] = change.owed end
  return owed
end

--- Carries out a plan.
-- @param host { conn, facts, plan = what plan.host returned }
-- @param hooks { journal = function(steps) that writes down what is about to
--   be done ({ { change, owes } … }) and returns what the host is to run
--   before it, progress = function(change),
--   wait = function(host, id, waiter), interrupted = function() that returns the number of a signal that has come,
--   guard = guard.new()|nil }
-- @return { done = { [id] = change }, surprises = { … }, failure = fault|nil,
--   owed = { [id] = verb } of restarts that are still due }; of those done,
--   `broken` began and did not end, `put_back` was undone
function apply.host(host, hooks)
  local desired = host.plan.desired
  local self = {
    conn = host.conn, facts = host.facts, watchers = marks.watchers(desired), done = {}, surprises = {},
    owed = owed_before(host.plan.changes),
    ctx = { units = units_of(desired), facts = host.facts }, barrier = false,
    journal = hooks.journal, progress = hooks.progress, wait = hooks.wait, interrupted = hooks.interrupted,
    guard = hooks.guard or UNGUARDED, came = host.plan.came or {},
  }
  local ok, problem = xpcall(run_all, function(e)
    return fault.caught(e) or fault.new("internal", nil, "%s", debug.traceback(tostring(e)))
  end, self, host.plan.changes)
  local failure = not ok and self.guard:failed(problem, self.done, self.owed) or nil
  local culprit = failure and desired.by_id[failure.where]
  if culprit then failure.declared = culprit.where end
  return { done = self.done, surprises = self.surprises, owed = self.owed, failure = failure }
end

return apply
