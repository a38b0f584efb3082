--- The way that all verbs take which change hosts: plan, show, ask, change,
-- look again, record, tell. What differs between them is where the desired
-- state comes from, and what may stop a run before it begins.

local json = require "neap.core.json"
local sys = require "neap.core.sys"
local count_of = require "neap.count_of"
local command = require "neap.engine.command"
local commit = require "neap.engine.commit"
local converge = require "neap.engine.converge"
local fault = require "neap.engine.fault"
local outside = require "neap.engine.outside"
local project = require "neap.engine.project"
local session = require "neap.engine.session"
local share = require "neap.engine.share"
local standing = require "neap.engine.standing"

local run = {}

local UNDONE_MAX = 20

local function agreed(self, total)
  if self.opts.yes or total == 0 then return true end
  local answer, message, code = sys.prompt(string.format("%s %s? [y/N] ", self.verb, count_of(total, "change")))
  if code == "interrupted" then fault.raise(code, nil, "%s: nothing was changed", message) end
  if answer == nil then
    fault.raise("usage", nil, "there is no terminal to ask on; say -y to %s without asking", self.verb)
  end
  return answer:lower() == "y" or answer:lower() == "yes"
end

-- Of a host that a signal has stopped: what was not done.
local function say_undone(ui, host)
  local undone = {}
  for _, change in ipairs(host.plan.changes) do
    local done = host.result.done[change.id]
    if not done or done.broken then undone[#undone + 1] = change.id .. (done and " (begun)" or "") end
  end
  local shown = table.concat(undone, ", ", 1, math.min(#undone, UNDONE_MAX))
  local more = #undone > UNDONE_MAX and string.format(" and %d more", #undone - UNDONE_MAX) or ""
  ui:err(string.format("%s: stopped: %d of %s done; not done: %s%s", host.name, host.changes or 0,
    count_of(#host.plan.changes, "change"), shown, more))
end

-- How many changes of a host that came through were not to be made any more: a port that was to open is open by now.
local function count_settled(host)
  local count = 0
  if not host.result or host.result.failure or host.status ~= "ok" then return 0 end
  for _, change in ipairs(host.plan.changes) do
    if not host.result.done[change.id] then count = count + 1 end
  end
  return count
end

local function report(self, total, id)
  local ui, right, wrong, changes, settled = self.ui, 0, {}, 0, 0
  ui:done()
  for _, host in ipairs(self.hosts) do
    changes, settled = changes + (host.changes or 0), settled + count_settled(host)
    for _, surprise in ipairs(host.result and host.result.surprises or {}) do
      ui:err(string.format("%s: %s: %s", host.name, surprise.id, surprise.message))
    end
    local failure = host.result and host.result.failure
    if failure and failure.code == "interrupted" then say_undone(ui, host) end
    if host.accuracy then
      right = right + host.accuracy.right
      for _, wrong_id in ipairs(host.accuracy.wrong) do wrong[#wrong + 1] = host.name .. ": " .. wrong_id end
    end
  end
  if total > 0 then
    local who = settled == 1 and "itself" or "themselves"
    local unasked = settled > 0 and (" (%d came about by %s)"):format(settled, who) or ""
    ui:line(string.format("applied: %d of %s%s; %d of %d ended as predicted", changes,
      count_of(total, "change"), unasked, right, right + #wrong))
    outside.told(self, function(host) return host.result and host.result.done or {} end)
  end
  for _, wrong_id in ipairs(wrong) do ui:err(wrong_id .. ": is not what the plan predicted") end
  if id then ui:line("recorded: " .. id:sub(1, 12)) end
  ui:event { event = "accuracy", right = right, wrong = json.array(wrong) }
  return changes
end

local function finish(self, otherwise, changes, id)
  session.problems(self)
  local exit = session.exit_code(self, otherwise)
  session.summary(self, exit, changes, id)
  return exit
end

--- Shows what would be changed, and changes nothing.
-- @param how as for run.change
function run.show(opts, how)
  return command.over_hosts(opts, function(self)
    self.verb, self.shown = "plan", how.verb
    if how.first then how.first(self) end
    local met = share.fetch(self, true)
    project.check_key(opts)
    converge.plan(self, how.source)
    local total, is_out = converge.show(self)
    if how.told then how.told(self) end
    local is_stopped = standing.told(self)
    if how.save then how.save(self) end
    return finish(self, met and command.exit_of(met) or (total > 0 or is_out or is_stopped) and 2 or 0, total)
  end)
end

-- Ends a run that must not be carried out.
local function refuse(self, problem)
  if not fault.is(problem) then error(problem, 0) end
  self.ui:done()
  session.problems(self)
  local exit = command.complain(self.ui, problem)
  session.summary(self, exit, 0)
  return exit
end

--- Plans, shows, asks, changes, looks again and records.
-- @param how verb = its name; first = function(self), called before what others
--   have recorded is fetched; source = see converge.plan; told = function(self)
--   that tells what else is to be said of the plan; stop = function(self) that
--   raises a fault where the plan must not be carried out; begin =
--   function(self), called when it is about to be; save = function(self) of
--   run.show, at its end; all but source may be nil
function run.change(opts, how)
  return command.over_hosts(opts, function(self, ui)
    self.verb = how.verb
    if how.first then how.first(self) end
    share.fetch(self)
    project.check_key(opts)
    commit.begin(self)
    converge.plan(self, how.source)
    local total = converge.show(self)
    if how.told then how.told(self) end
    local fine, problem = pcall(how.stop or function() end, self)
    if not fine then return refuse(self, problem) end
    if not agreed(self, total) then
      ui:line("nothing was changed")
      session.summary(self, 0, 0)
      return 0
    end
    if total > 0 then project.check(opts) end
    if how.begin then how.begin(self) end
    converge.apply(self)
    local id, unshared = share.publish(self, commit.run(self))
    local changes = report(self, total, id)
    return finish(self, unshared and command.complain(ui, unshared) or 0, changes, id)
  end)
end

return run
