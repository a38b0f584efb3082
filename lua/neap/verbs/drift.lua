--- neap drift [PLAYBOOK]: what has changed behind our back. Touches nothing.
local count_of = require "neap.count_of"
local ask = require "neap.engine.ask"
local at_work = require "neap.engine.at_work"
local command = require "neap.engine.command"
local converge = require "neap.engine.converge"
local drift = require "neap.engine.drift"
local fault = require "neap.engine.fault"
local json = require "neap.core.json"
local leftover = require "neap.engine.leftover"
local log = require "neap.engine.log"
local project = require "neap.engine.project"
local recorded = require "neap.engine.recorded"
local session = require "neap.engine.session"
local share = require "neap.engine.share"
local show = require "neap.engine.show"
local tags = require "neap.engine.tags"
local Types = require "neap.engine.types"

-- So many hosts are probed at a time: what is recorded of a host is large.
local LOOKERS = 64
-- And so often again where a run has recorded something in the middle of it.
local TRIES = 3

-- Types beside the playbook: of this run's, or else of the last recorded one's.
local function types_of(self, st, head)
  if self.project then return self.project.types end
  local playbook = head and log.run_of(st, head).playbook
  local path = type(playbook) == "string" and project.recorded_playbook(self.opts, playbook)
  return Types.new(path and (path:match("^(.*/)[^/]*$") or "./") .. "types" or nil)
end

-- Keeps in `seen` which tags there are (see tags.check), and of how many resources the host has one that is asked for.
local function note_tags(self, host, kept, desired, seen)
  local all, said = {}, self.opts.tags
  for _, resource in pairs(kept.resources) do all[#all + 1] = resource end
  for _, resource in ipairs(desired and desired.list or {}) do all[#all + 1] = resource end
  tags.note(seen, all, said)
  host.resources = #tags.only(all, said)
end

-- What is recorded of a host, the work of runs that died with it, and how that has drifted. A run that has ended
-- meanwhile has recorded what it made: then once more.
local function compare(self, host, known, desired)
  local st, dead, alive, kept = known.st, known.dead[host.name], known.alive[host.name], nil
  for _ = 1, TRIES do
    local head = st:head()
    kept = recorded.host(st, head, host.name, known.key)
    if dead then kept.status = leftover.status(dead.run, dead.host, kept.status or {}) end
    host.kept = kept.status
    host.drift = (kept.order[1] or desired) and drift.host(host, kept, known.types, desired, self.opts.tags, function()
      return at_work.here(self.opts, host.name) or alive or at_work.there(host)
    end)
    host.work = host.drift and host.drift.work or alive
    if not host.drift or not host.drift.foreign[1] or st:head() == head then break end
    alive = nil
  end
  return kept
end

local function look_at(self, st, head, key)
  local desired_of = self.opts.playbook and converge.playbook(self)
  local dead, alive = leftover.by_host(self.opts)
  local known = { st = st, key = key, types = types_of(self, st, head), dead = dead, alive = at_work.all(alive) }
  local seen = {}
  session.connect(self)
  session.each(self, "looking", function(host)
    local desired
    if desired_of then
      desired = desired_of(host, ask.new(host.conn, host.facts))
    end
    note_tags(self, host, compare(self, host, known, desired), desired, seen)
  end, LOOKERS)
  tags.check(seen, self.hosts, self.opts.tags)
  self.ui:done()
end

-- The changes of one sort, of all hosts that were looked at.
local function plans_of(self, sort)
  local plans = {}
  for _, host in ipairs(self.hosts) do
    local changes = host.status == "ok" and host.drift and host.drift[sort] or {}
    if changes[1] then plans[#plans + 1] = { name = host.name, changes = changes } end
  end
  return plans
end

local function show_sort(self, sort, title)
  local ui, plans = self.ui, plans_of(self, sort)
  if #plans > 0 then
    ui:line(ui:paint("bold", title))
    show.plans(plans, ui)
    ui:line("")
  end
  for _, host in ipairs(plans) do show.events(host.name, host.changes, ui, { event = "drift", sort = sort }) end
  return select(2, show.count(plans))
end

-- Lines about hosts, equal ones folded.
local function show_hosts(self)
  local lines = show.lines()
  for _, host in ipairs(self.hosts) do
    local seen = host.drift
    if host.status == "ok" then
      if not host.kept then lines:add(host.name, "nothing is recorded of it") end
      if host.kept and host.kept.status ~= "complete" then
        lines:add(host.name, "the last run is " .. host.kept.status ..
          (host.kept.problem and ": " .. fault.short(host.kept.problem) or ""))
      end
      if host.work then lines:add(host.name, at_work.say(host.work)) end
      if seen and seen.machine then lines:add(host.name, seen.machine) end
      if seen and seen.gone[1] then
        lines:add(host.name, "no longer in the playbook: " .. table.concat(seen.gone, ", "))
      end
      self.ui:event {
        event = "looked", host = host.name, recorded = host.kept ~= nil, resources = seen and seen.count or 0,
        machine = seen and seen.machine, abandoned = json.array(seen and seen.gone or {}),
        state = host.kept and host.kept.status, at_work = host.work and at_work.told(host.work),
      }
    end
  end
  lines:print(self.ui)
end

local function report(self)
  local changed = show_sort(self, "foreign", "changed by other hands")
  local unfinished = show_sort(self, "unfinished", "made by a run that did not end")
  local running = show_sort(self, "running", "made by a run that is at work")
  local waiting = show_sort(self, "pending", "not yet applied")
  show_hosts(self)
  local hosts, resources, moved = 0, 0, 0
  for _, host in ipairs(self.hosts) do
    local seen = host.status == "ok" and host.drift
    hosts, resources = hosts + (seen and 1 or 0), resources + (seen and seen.count or 0)
    host.changes = seen and #seen.foreign or 0
    if seen and seen.machine then moved = moved + 1 end
  end
  if hosts > 0 then
    self.ui:line(string.format("drift: %d of %s on %s changed by other hands%s%s%s", changed,
      count_of(resources, "recorded resource"), count_of(hosts, "host"),
      unfinished > 0 and string.format("; %d by a run that did not end", unfinished) or "",
      running > 0 and string.format("; %d by a run that is at work", running) or "",
      waiting > 0 and string.format("; %d not yet applied", waiting) or ""))
  end
  return changed, changed + unfinished + moved > 0
end

return function(opts)
  opts.playbook = opts.args[1]
  return command.over_hosts(opts, function(self)
    local met = share.fetch(self, true)
    project.check_key(opts)
    local st <close> = log.open(opts)
    look_at(self, st, st:head(), project.key(opts))
    local changed, differs = report(self)
    session.problems(self)
    local exit = session.exit_code(self, met and command.exit_of(met) or differs and 2 or 0)
    session.summary(self, exit, changed)
    return exit
  end)
end
