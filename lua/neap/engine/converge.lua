--- The way of a run: connect, evaluate, probe and plan on every host; then,
-- for an apply, change, look again, and record.

local loop = require "neap.core.loop"
local count_of = require "neap.count_of"
local apply = require "neap.engine.apply"
local ask = require "neap.engine.ask"
local bystanders = require "neap.engine.bystanders"
local commit = require "neap.engine.commit"
local evaluate = require "neap.engine.evaluate"
local failure = require "neap.engine.failure"
local fault = require "neap.engine.fault"
local guard = require "neap.engine.guard"
local guarded = require "neap.engine.guarded"
local journal = require "neap.engine.journal"
local outside = require "neap.engine.outside"
local owned = require "neap.engine.owned"
local plan = require "neap.engine.plan"
local rolling = require "neap.engine.rolling"
local rolling_words = require "neap.engine.rolling_words"
local rotation = require "neap.engine.rotation"
local session = require "neap.engine.session"
local show = require "neap.engine.show"
local standing = require "neap.engine.standing"
local timing = require "neap.engine.timing"
local tags = require "neap.engine.tags"
local veiled = require "neap.engine.veiled"
local verify = require "neap.engine.verify"
local waits = require "neap.engine.waits"

local converge = {}

-- So many hosts are connected to and planned at a time unless -f says more. A
-- host that needs no change keeps neither its connection nor what it is to
-- become, so most hosts of a large fleet cost nothing any more by then.
local PLANNERS = 128

-- What a host waits for where the playbook names another host only.
local WHOLE_HOST = "everything"

-- Of a host that needs no change and is recorded as it is, or will not be
-- recorded, nothing is kept: most hosts of a large fleet, most of the time.
-- The connection stays where the host has a journal to be closed.
local function lighten(self, host)
  if self.verb == "plan" then session.leave(host) end
  if host.plan.changes[1] or not (self.verb == "plan" or commit.is_held(self, host)) then return end
  local desired = { host = host.entry, list = {}, by_id = {}, inputs = {}, rolling = host.plan.desired.rolling }
  host.plan = { changes = {}, changed = {}, errors = {}, observed = {}, desired = desired, remarks = host.plan.remarks }
  if not (host.lock and host.lock.unfinished) and not host.out then session.leave(host) end
end

local function settle_guards(self, host)
  if self.verb == "plan" or not host.guards then return end
  host.evidence = guard.settle(host, function(text) self.ui:status(host.name .. ": " .. text) end)
  if host.evidence then self.ui:err(string.format("%s: an earlier run's changes were taken back:\n%s", host.name,
    self.ui:clean(host.evidence))) end
end

local function plan_host(self, host, desired_of)
  settle_guards(self, host)
  local round = ask.new(host.conn, host.facts)
  local desired = desired_of(host, round)
  tags.note(self.tags, desired.list, self.opts.tags)
  local taken = tags.only(desired.list, self.opts.tags)
  desired.outside, desired.list = desired.outside or outside.watchers(desired.list, taken), taken
  desired.dropped = desired.dropped and tags.only(desired.dropped, self.opts.tags)
  host.plan = plan.host(round, desired, veiled.of(self, host.name))
  host.resources = #desired.list
  local errors = host.plan.errors
  local refused = guarded.refusals(host.plan.changes, function() return session.login(self, host) end)
  table.move(refused, 1, #refused, #errors + 1, errors)
  if #errors == 0 then
    lighten(self, host)
    return standing.check(self, host)
  end
  local lines = { errors[1].message }
  for i = 2, #errors do lines[i] = tostring(errors[i]) end
  fault.raise(errors[1].code, errors[1].where, "%s", table.concat(lines, "\n"))
end

local BEFORE_ALL = { playbook = true, inventory = true, usage = true }

-- A mistake in what the operator wrote stops the run for all hosts, before
-- anything is touched.
local function stop_on_mistakes(self)
  local mistakes, hosts = {}, {}
  for _, host in ipairs(self.hosts) do
    local problem = host.problem
    if problem and BEFORE_ALL[problem.code] then
      local text = tostring(problem)
      if not hosts[text] then mistakes[#mistakes + 1], hosts[text] = problem, {} end
      table.insert(hosts[text], host.name)
    end
  end
  if #mistakes == 0 then return end
  local first = mistakes[1]
  local of = hosts[tostring(first)]
  local names = #of < #self.hosts and (" [%s]"):format(table.concat(of, ", ")) or ""
  local more = #mistakes > 1 and string.format(" (and %d more)", #mistakes - 1) or ""
  fault.raise(first.code, first.where, "%s%s%s", first.message, names, more)
end

-- Hosts that would wait for each other for ever.
local function stop_on_circles(self)
  local desireds = {}
  for _, host in ipairs(self.hosts) do
    if host.plan and host.status == "ok" then desireds[#desireds + 1] = host.plan.desired end
  end
  local mistakes = waits.check(desireds)
  if mistakes[1] then error(mistakes[1], 0) end
end

--- The desired state that a playbook gives, for converge.plan.
function converge.playbook(self)
  self.project = evaluate.project(self.opts.playbook, self.inventory,
    { secrets = self.opts.secrets, extra = self.opts.extra })
  self.types = self.project.types
  return function(host, round)
    return evaluate.host(self.project, host.entry, {
      facts = host.facts, ask = function(kind, ...) return round:one(kind, ...) end,
      note = function(text, where) self.ui:detail(string.format("%s: %s: %s", host.name, where, text)) end,
    })
  end
end

--- Plans all hosts. Only inside loop.run.
-- @param source function(self) that returns function(host, round) -> desired:
--   where the desired states come from (converge.playbook, a recorded state)
function converge.plan(self, source)
  local desired_of = source(self)
  self.tags = {}
  session.each(self, "planning", function(host)
    session.enter(self, host)
    plan_host(self, host, desired_of)
  end, self.opts.forks or PLANNERS)
  stop_on_mistakes(self)
  stop_on_circles(self)
  tags.check(self.tags, self.hosts, self.opts.tags)
  self.rolling = rolling_words.settle(self)
  self.batches = rolling.batches(self, self.rolling.serial)
end

--- The plans of the hosts that have one, for show.
function converge.plans(self)
  local plans = {}
  for _, host in ipairs(self.hosts) do
    if host.plan and host.status == "ok" then plans[#plans + 1] = { name = host.name, changes = host.plan.changes } end
  end
  return plans
end

--- Shows the plans; returns how many changes there are, and whether a host is
-- to come back into rotation.
function converge.show(self)
  local plans = converge.plans(self)
  self.ui:done()
  show.plans(plans, self.ui)
  local resources = 0
  for _, host in ipairs(self.hosts) do
    if host.plan and host.status == "ok" then
      show.events(host.name, host.plan.changes, self.ui)
      resources = resources + host.resources
    end
  end
  if self.batches[2] then self.ui:line("\nin batches: " .. rolling.say(self.batches)) end
  local is_out = rotation.told(self)
  local count, total = show.count(plans)
  if #plans == 0 then return 0, is_out end
  if total == 0 then
    self.ui:line(string.format("nothing differs: %s on %s", count_of(resources, "resource"), count_of(#plans, "host")))
  else
    self.ui:line(string.format("\nplan: %d to create, %d to update, %d to delete%s; %s on %s",
      count.create, count.update, count.delete,
      count.unknown > 0 and string.format(", %d known after apply", count.unknown) or "",
      count_of(resources, "resource"), count_of(#plans, "host")))
    outside.told(self, function(host) return host.status == "ok" and host.plan.changed or {} end)
  end
  return total, is_out
end

-- One event a host and resource, so that a host can wait for another's.
local function event_of(self, host_name, id)
  local key = host_name .. "\0" .. id
  self.events[key] = self.events[key] or loop.event()
  return self.events[key]
end

local function wait_for(self, other, id, waiter)
  local other_host = self.by_name[other]
  if not other_host then return end -- not in this run
  if not other_host.plan or (other_host.status ~= "ok" and not other_host.done_ids) then
    fault.raise("failed", waiter, "waits for %s on %s, which is out: %s", id, other, tostring(other_host.problem))
  end
  if id ~= WHOLE_HOST and not other_host.plan.changed[id] then return end
  local result = event_of(self, other, id):wait()
  if result ~= "done" then
    fault.raise("failed", waiter, "waits for %s on %s, which was not reached there", id, other)
  end
end

-- Whoever still waits for this host learns how it ended.
local function release_waiters(self, host)
  for _, change in ipairs(host.plan.changes) do
    if not host.reached[change.id] then event_of(self, host.name, change.id):set("failed") end
  end
  event_of(self, host.name, WHOLE_HOST):set(host.result.failure and "failed" or "done")
end

local function guard_of(self, host)
  return guard.new {
    host = host, login = session.login(self, host),
    timeout_s = self.opts.guard_timeout or host.entry.connection.guard_timeout,
    connect = function(timeout_ms) return session.reconnect(self, host, timeout_ms) end,
    relock = function(conn) return session.relock(host, conn) end,
    reached = function(id) return host.reached[id] end,
    say = function(text) self.ui:status(host.name .. ": " .. text) end,
  }
end

local function hooks_of(self, host)
  local total, count, watch = #host.plan.changes, 0, timing.new()
  return {
    journal = function(steps) return journal.step(self, host, steps) end,
    progress = function(change)
      count = count + 1
      host.reached[change.id] = true
      event_of(self, host.name, change.id):set("done")
      local took, waited = watch:lap()
      self.ui:event { event = "applied", host = host.name, id = change.id, seconds = took, waited = waited }
      local said = timing.say(change, took, waited)
      if said then self.ui:detail(host.name .. ": " .. said) end
      self.ui:status(string.format("%s: %d of %d: %s", host.name, count, total, change.id))
    end,
    wait = function(other, id, waiter) watch:wait(wait_for, self, other, id or WHOLE_HOST, waiter) end,
    interrupted = loop.signal, guard = guard_of(self, host),
  }
end

local function count_changes(host)
  local count = 0
  for _, done in pairs(host.done_ids) do
    if not done.put_back and not done.broken then count = count + 1 end
  end
  return count
end

-- Hooks for the way back of a host.
local function hooks_back(self, host)
  return {
    journal = function(steps) return journal.step(self, host, steps) end,
    interrupted = loop.signal,
    guard = function(there) return guard_of(self, there) end,
  }
end

-- A host that failed goes back, where that was asked for.
local function take_back_failed(self, host)
  if not failure.goes_back(self, host) then return false end
  failure.take_back(self, host, host.problem.message, hooks_back(self, host))
  host.changes = count_changes(host)
  return true
end

local NOTHING_DONE = { done = {}, surprises = {}, owed = {} }

local function apply_host(self, host)
  host.done_ids, host.reached = {}, {}
  if host.conn then
    bystanders.note(self, host)
    owned.note(self, host)
  end
  host.result = host.conn and apply.host(host, hooks_of(self, host)) or NOTHING_DONE
  host.done_ids = host.result.done
  release_waiters(self, host)
  host.changes = count_changes(host)
  if host.result.failure then session.drop(host, host.result.failure) end
  take_back_failed(self, host)
  journal.ended(self, host)
  if #host.plan.changes > 0 then
    verify.host(host)
    if take_back_failed(self, host) then verify.host(host) end
    return
  end
  host.observed, host.besides = host.plan.observed, bystanders.look(host)
  verify.let_go(host, {})
end

-- Those that succeeded go back with the ones that did not, where that was asked for.
local function take_back_all(self)
  failure.others(self, function(host, why)
    failure.take_back(self, host, why, hooks_back(self, host))
    host.changes = count_changes(host)
    verify.host(host)
  end)
end

--- Changes all hosts as planned. Only inside loop.run.
function converge.apply(self)
  self.events = {}
  journal.begin(self)
  rolling.run(self, function(host) apply_host(self, host) end)
  take_back_all(self)
  rotation.close(self)
end

return converge
