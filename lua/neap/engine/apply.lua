--- Carrying out the plan of one host: its changes and no others.
--
-- Each resource is probed again right before its first write. A host that
-- has moved since the plan is left alone from there on (code "stale").
-- Before a watched resource is written, a mark on the host says which
-- restart is owed; it goes away when the restart has succeeded. So a run
-- that dies in between leaves the debt where the next run finds it.

local ask = require "neap.engine.ask"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local plan = require "neap.engine.plan"
local sh = require "neap.sh"
local show = require "neap.engine.show"
local taint = require "neap.core.taint"

local apply = {}

local STEP_TIMEOUT_MS = 30 * 60 * 1000
local EVIDENCE_TIMEOUT_MS = 10 * 1000
-- What a step's script exits with when what it is about to replace is not
-- what the plan saw (EX_TEMPFAIL of sysexits.h).
local EXIT_MOVED = 75
local MARKS = "/var/lib/neap/pending"

local function mark_path(id) return MARKS .. "/" .. id:gsub("%%", "%%25"):gsub("/", "%%2F") end

-- A restart outweighs a reload that is owed already.
local function mark_script(id, verb)
  return sh("mkdir -p %s && { test \"$(cat %s 2>/dev/null)\" = restart || printf %%s %s >%s; }\n", MARKS, mark_path(id),
    verb, mark_path(id))
end

local function unmark_script(id) return sh("rm -f %s; rmdir %s 2>/dev/null; :\n", mark_path(id), MARKS) end

-- { [id] = { { id = watcher, verb = }, … } }, with those that are not in the run; what goes is not restarted.
local function watchers_of(desired)
  local watchers = {}
  for _, one in ipairs(desired.outside or {}) do
    watchers[one.on] = watchers[one.on] or {}
    table.insert(watchers[one.on], { id = one.id, verb = one.verb })
  end
  for _, resource in ipairs(desired.list) do
    for _, verb in ipairs(not resource.absent and resource.rtype.triggers or {}) do
      for _, id in ipairs(resource.meta[verb .. "_on"] or {}) do
        watchers[id] = watchers[id] or {}
        table.insert(watchers[id], { id = resource.id, verb = verb })
      end
    end
  end
  return watchers
end

-- Masked as a whole first: of a secret that was cut through nothing would be found.
local function last_lines(text, count)
  local lines = {}
  for line in taint.mask(text):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return table.concat(lines, "\n", math.max(1, #lines - count + 1))
end

local function complaint(reply)
  local said = last_lines(reply.err, 12)
  if said == "" then said = last_lines(reply.out, 12) end
  if said == "" then return string.format("exit status %d", reply.rc) end
  return string.format("exit status %d: %s", reply.rc, said)
end

local function as_step(step)
  if type(step) == "table" then return step end
  return { run = step }
end

-- What the playbook says counts for each step of the resource.
local function limit_of(change, step)
  local seconds = change.resource.meta.timeout
  return seconds and seconds * 1000 or step.timeout_ms or STEP_TIMEOUT_MS
end

-- What a step is about, where that is more than the resource, whose id stands before it.
local function title_of(change, step)
  local resource, title = change.resource, step.title
  if not title or title == resource.key or title == resource.type .. " " .. resource.key then return "" end
  return title .. ": "
end

-- Sends one script; raises a fault when it fails.
local function send(self, change, step, prefix)
  local reply, message, code = self.conn:request {
    script = (prefix or "") .. step.run, stdin = step.stdin, capture = step.capture ~= false,
    timeout_ms = self.guard:limit(limit_of(change, step)),
  }
  if not reply then fault.raise(fault.of_reply(self.conn, code), change.id, "%s", message) end
  if reply.rc == 0 then return reply end
  if reply.rc == EXIT_MOVED then fault.raise("stale", change.id, "%s", last_lines(reply.err, 3)) end
  local problem = fault.new("failed", change.id, "%s", title_of(change, step) .. complaint(reply))
  problem.said_by_host = true -- and not by a clock
  error(problem, 0)
end

local function stop_at_signal(self, change)
  local signal = self.interrupted()
  if signal then fault.raise("interrupted", change.id, "interrupted by signal %d", signal) end
end

local function run_steps(self, change, steps, prefix)
  for _, step in ipairs(steps) do
    stop_at_signal(self, change)
    send(self, change, as_step(step), prefix)
    prefix = nil
  end
end

-- What must run before the steps of `changes`, in the same request: the marks
-- of the restarts that they make due, and the journal.
local function prefix_for(self, changes)
  local script, steps = {}, {}
  for i, change in ipairs(changes) do
    local owes = self.watchers[change.id] or {}
    for _, watcher in ipairs(owes) do
      script[#script + 1] = mark_script(watcher.id, watcher.verb)
      if self.owed[watcher.id] ~= "restart" then self.owed[watcher.id] = watcher.verb end
    end
    steps[i] = { change = change, owes = owes }
  end
  script[#script + 1] = self.journal(steps)
  return table.concat(script)
end

-- Puts watched resources that this run has changed back to what they were.
local function put_back(self, ids)
  local back = {}
  for _, id in ipairs(ids) do
    local done = self.done[id]
    if done and done.kind ~= "unknown" then
      local resource = done.resource
      local inverse = difference.change(resource.rtype, done.to, done.from)
      if inverse then
        inverse.id, inverse.resource = id, resource
        run_steps(self, done, resource.rtype.steps(resource.key, inverse, self.ctx),
          self.journal { { change = inverse } })
        back[#back + 1] = id
        done.put_back = true
      end
    end
  end
  return back
end

local function watched(resource)
  local ids = {}
  for _, verb in ipairs(resource.rtype.triggers or {}) do
    for _, id in ipairs(resource.meta[verb .. "_on"] or {}) do ids[#ids + 1] = id end
  end
  return ids
end

-- Whether a restart is due although what this run has changed went back: an earlier run owes it, or not all went.
local function is_still_due(self, change)
  for _, id in ipairs(watched(change.resource)) do
    if self.done[id] and not self.done[id].put_back then return true end
  end
  return change.owed ~= nil
end

-- Files that belong together are validated together, before the service
-- that reads them is touched. A set that does not pass goes back.
local function validate_set(self, change)
  local resource = change.resource
  local command = resource.meta.validate
  if not command or resource.absent then return end
  local ok, problem = pcall(send, self, change, { run = command, title = "validation '" .. command .. "'" })
  if ok then return end
  if not fault.is(problem) or problem.code ~= "failed" then error(problem, 0) end
  local back = put_back(self, watched(resource))
  if is_still_due(self, change) then
    self.owed[resource.id] = self.owed[resource.id] or change.owed
  else
    self.conn:request { script = unmark_script(resource.id), timeout_ms = STEP_TIMEOUT_MS }
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

local function as_planned(change, found)
  return difference.same_state(change.resource.rtype, found, change.from, compared(change))
end

-- The change to make now. A resource that is as the plan saw or predicted
-- it is changed as planned. One that an earlier change of this run may have
-- moved is changed as it needs; any other that moved stops the host. What
-- is live (a port that opens, a replica that catches up) moves by itself.
local function change_now(self, change)
  local found, now = look_again(self, change)
  if change.kind ~= "unknown" and not change.resource.rtype.live and not as_planned(change, found) then
    local unforeseen = not now and "is already as wanted" or ("is not as the plan saw it (%s)"):format(
      show.moved(change.resource.rtype, change.from, found, compared(change)))
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
  run_steps(self, now, rtype.steps(change.resource.key, now, self.ctx), prefix)
  now.broken = nil
  if rtype.triggers and (now.trigger or now.kind == "delete") then
    send(self, now, { run = unmark_script(change.id) })
    self.owed[change.id] = nil
  end
  if rtype.barrier then self.barrier = true end
end

local function carry_out_batch(self, batch)
  local prefix = prefix_for(self, batch.changes)
  for _, change in ipairs(batch.changes) do self.done[change.id], change.broken = change, true end
  run_steps(self, batch.changes[1], batch.rtype.steps_batch(batch.changes, self.ctx), prefix)
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
    stop_at_signal(self, change)
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
    conn = host.conn, facts = host.facts, watchers = watchers_of(desired), done = {}, surprises = {}, owed = {},
    ctx = { units = units_of(desired), facts = host.facts }, barrier = false,
    journal = hooks.journal, progress = hooks.progress, wait = hooks.wait, interrupted = hooks.interrupted,
    guard = hooks.guard or UNGUARDED,
  }
  local ok, problem = xpcall(run_all, function(e)
    return fault.caught(e) or fault.new("internal", nil, "%s", debug.traceback(tostring(e)))
  end, self, host.plan.changes)
  local failure = not ok and self.guard:failed(problem, self.done, self.owed) or nil
  local culprit = failure and desired.by_id[failure.where]
  if culprit then failure.declared = culprit.where end
  return { done = self.done, surprises = self.surprises, owed = self.owed, failure = failure }
end

local function not_covered(resources)
  local list = {}
  for _, resource in ipairs(resources) do list[#list + 1] = not resource.covered and resource or nil end
  return list
end

--- Looks at all resources of a host again, after the changes, but for those that are another's business by then
-- (see covered.lua).
-- @return observed { [id] = attrs|false }, left { { id, change } … } that are
--   not as wanted, errors
function apply.verify(host, resources)
  local round = ask.new(host.conn, host.facts)
  resources = not_covered(resources)
  local jobs = plan.probe(round, resources)
  local observed, left = {}, {}
  for i, resource in ipairs(resources) do
    local job = jobs[i]
    if job.error or job.unknown then
      left[#left + 1] = { id = resource.id, resource = resource, message = job.error or job.unknown }
    else
      local found = plan.hide(job.found, plan.wanted(resource))
      observed[resource.id] = found or false
      local change = difference.change(resource.rtype, found, plan.wanted(resource))
      if change then left[#left + 1] = { id = resource.id, resource = resource, change = change } end
    end
  end
  return observed, left
end

--- What the host says of a resource that is not as wanted, where its type can ask; "" where it cannot.
function apply.evidence(host, one)
  local rtype = one.resource.rtype
  local script = one.change and rtype.evidence and rtype.evidence(one.resource.key, one.change)
  local reply = script and host.conn:request { script = script, timeout_ms = EVIDENCE_TIMEOUT_MS }
  local said = reply and last_lines(reply.out .. reply.err, 12) or ""
  return said ~= "" and ":\n" .. said or ""
end

return apply
