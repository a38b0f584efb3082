--- How a host stands: what status.json says of it, and whether a run may
-- change it.
--
--     complete          the last run ended well
--     incomplete        it did not: where, why, since when, what is still due
--     rolled-back       it did not, and its changes were taken back
--     pending-rollback  it could not be reached when its group was rolled back

local sys = require "neap.core.sys"
local json = require "neap.core.json"
local brief = require "neap.engine.brief"
local between = require "neap.engine.between"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local pending = require "neap.engine.pending"
local project = require "neap.engine.project"
local shape = require "neap.engine.shape"
local tags = require "neap.engine.tags"
local unlisted = require "neap.engine.unlisted"

local standing = {}

-- What is read from status.json.
local STATUS = {
  status = "?string", machine_id = "?string", problem = "?string", at = "?string", step = "?number", steps = "?number",
  target = "?string", tags = { "list", "string", may = true }, options = { "list", "string", may = true },
  since = "?number", by = "?string", verb = "?string", was = "?string",
  pending_restarts = { "list", { id = "string", verb = "string" }, may = true },
  out_of_rotation = { by = "?string", since = "?number", may = true },
  journal = { "list", {
    n = "?number", id = "?string", kind = "?string", trigger = "?string", cut_off = "?boolean", seen = "?boolean",
  }, may = true },
}

--- What a text of status.json says; {} where there is none.
-- @param path where it stands, below hosts/: for the fault that it is none of ours
function standing.decode(text, path)
  if not text then return {} end
  local value = json.decode(text)
  if not shape.fits(value, STATUS) then
    fault.raise("store", nil, "'hosts/%s' in the state repository is not what neap has written", path)
  end
  return value
end

-- What is recorded as this run finds it: the repository, opened when the first host of a run asks, and its head.
local function found(self)
  if not self.standings then
    local st = project.open(self.opts)
    self.standings = { st = st, head = st and st:head() }
  end
  return self.standings
end

--- A recorded file of a host, or nil.
function standing.read(self, host, path)
  local at = found(self)
  return at.head and at.st:read(at.head, "hosts/" .. host.name .. "/" .. path) or nil
end

--- All of a host's: { [path below hosts/<host>/] = bytes }.
function standing.tree(self, host)
  local at = found(self)
  return at.head and at.st:tree(at.head, "hosts/" .. host.name) or {}
end

--- status.json of a host as it is recorded, decoded; {} where there is none.
function standing.recorded(self, host)
  if not host.recorded_status then
    host.recorded_status = standing.decode(standing.read(self, host, "status.json"), host.name .. "/status.json")
  end
  return host.recorded_status
end

--- Whether a host is another machine than the one that is recorded under its name: nothing of what is recorded is true
-- of it.
function standing.is_another(self, host)
  if host.adopted then return true end
  local was, now = standing.recorded(self, host).machine_id, host.facts.machine_id
  return was ~= nil and now ~= nil and was ~= now
end

local function pending_sentence(host, was)
  return string.format("a rollback to %s is pending since %s, when the host could not be reached: "
    .. "`%s` carries it out, --discard-pending forgets it",
    tostring(was.target or "?"):sub(1, 12), hostlock.when(was.since), pending.command(was, host.name))
end

-- Whether this run, or the one whose plan is shown, does what is pending on a host.
local function carries_out(self, was)
  if (self.shown or self.verb) ~= "rollback" or self.target ~= was.target then return false end
  return pending.covers(pending.asked(self.opts), was)
end

-- What keeps this run from changing the host, as code and sentence.
local function objection(self, host)
  local was, opts = standing.recorded(self, host), self.opts
  if standing.is_another(self, host) then
    if opts.adopt then return nil end
    return "failed", string.format("is not the host that is recorded: its machine-id is %s and was %s, so it was "
      .. "installed anew or replaced; --adopt accepts it and begins its records anew", host.facts.machine_id,
      was.machine_id)
  end
  if was.status == "pending-rollback" and not opts.discard_pending and not carries_out(self, was) then
    return "stale", pending_sentence(host, was)
  end
end

-- Recorded hosts that the inventory no longer has: { [machine-id] = { names } }.
local function former_hosts(self)
  local at, former = self.standings, {}
  for _, name in ipairs(unlisted.names(at.st, at.head, self.inventory)) do
    local path = name .. "/status.json"
    local id = standing.decode(at.st:read(at.head, "hosts/" .. path), path).machine_id
    if id then
      former[id] = former[id] or {}
      table.insert(former[id], name)
    end
  end
  return former
end

local RENAMED = "is the machine that is recorded as '%s', which the inventory no longer has: as '%s' its history, and "
  .. "what it was before Neap, begin anew; to go on with its records, give it that name again (a copy of that machine "
  .. "wants a machine-id of its own)"

-- Of a host of which nothing is recorded, it is told where its machine is known by another name.
local function tell_renamed(self, host)
  local at = self.standings
  if not at or not at.head or not host.facts.machine_id then return end
  at.former = at.former or former_hosts(self)
  local names = at.former[host.facts.machine_id]
  if names then self.ui:err(("%s: " .. RENAMED):format(host.name, table.concat(names, "', '"), host.name)) end
end

--- Raises a fault unless this run may change the host; one that only looks
-- notes it on the host (`objection`, see standing.told). For a host that is
-- planned: one that is recorded as it is (`held`) has nothing that could be
-- wrong with it.
function standing.check(self, host)
  if host.held then return end
  local code, sentence = objection(self, host)
  if code and hostlock.holder(self) then fault.raise(code, nil, "%s", sentence) end
  host.objection = code and fault.new(code, nil, "%s", sentence) or nil
  local was = standing.recorded(self, host)
  if next(was) == nil then tell_renamed(self, host) end
  host.out = host.out or was.out_of_rotation
  if standing.is_another(self, host) then
    host.adopted, host.recorded_status = true, {}
  elseif was.status == "incomplete" then
    self.ui:detail(string.format("%s: is incomplete since %s: %s", host.name, hostlock.when(was.since),
      was.problem or "?"))
  end
end

--- Of a plan that is shown: names what would keep a run from changing these hosts.
-- @return whether there is such a thing
function standing.told(self)
  local any = false
  for _, host in ipairs(self.hosts) do
    local problem = host.status == "ok" and host.objection
    if problem then
      any = true
      self.ui:err(host.name .. ": " .. problem.message)
      self.ui:event { event = "objection", host = host.name, code = problem.code, message = problem.message }
    end
  end
  return any
end

local function due(owed)
  local list = {}
  for id, verb in pairs(owed or {}) do list[#list + 1] = { id = id, verb = verb } end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list[1] and list or nil
end

-- What a guard that went back has left, line by line.
local function evidence_lines(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  return json.array(lines)
end

--- status.json of a host that did not end well.
-- @param was what was recorded before: it may be incomplete since then
-- @param now { machine_id, problem, at, step, steps, owed, entries, by, verb,
--   since, out_of_rotation = { by, since }, is_seen = whether the run has looked
--   at the host in the end, settled = the set of ids of what was as wanted then, status = "incomplete" if nil }
function standing.incomplete(was, now)
  return {
    status = now.status or "incomplete", machine_id = now.machine_id, problem = now.problem,
    at = now.at, step = now.step, steps = now.steps,
    pending_restarts = due(now.owed), journal = brief.entries(was, now),
    by = now.by, verb = now.verb,
    since = brief.is_unfinished(was) and was.since or now.since, out_of_rotation = now.out_of_rotation,
  }
end

-- The resource at which a run failed on a host; nil where it came through, and something was not as wanted in the end.
local function failed_at(host)
  local failure = host.result and host.result.failure
  if not failure then return nil end
  return host.plan.desired.by_id[failure.where] and failure.where or host.current
end

-- What a run of a part of the host has left due, or has not looked at: { [id] = verb }.
local function left_due(self, host)
  local owed, looked_at = {}, {}
  if not (self.opts.tags or host.plan.desired.outside) then return owed end
  for _, resource in ipairs(host.plan.desired.list) do looked_at[resource.id] = true end
  for _, one in ipairs((host.recorded_status or {}).pending_restarts or {}) do
    if not looked_at[one.id] then owed[one.id] = one.verb end
  end
  for id, verb in pairs(host.result and host.result.owed or {}) do
    if owed[id] ~= "restart" then owed[id] = verb end
  end
  return owed
end

--- What status.json says of a host at the end of a run.
function standing.status(self, host)
  local evidence = host.evidence and evidence_lines(host.evidence)
  if host.status == "ok" then
    return {
      status = "complete", machine_id = host.facts.machine_id, evidence = evidence, out_of_rotation = host.out,
      pending_restarts = due(left_due(self, host)),
    }
  end
  host.since = host.since or math.floor(sys.time())
  local status = standing.incomplete(brief.renamed(host.recorded_status, host.renamed) or {}, {
    status = host.status == "rolled-back" and host.status or nil,
    machine_id = host.facts.machine_id, problem = host.problem.message, at = failed_at(host), step = host.step,
    steps = host.plan and #host.plan.changes, owed = host.result and host.result.owed, entries = host.entries,
    by = hostlock.person(), verb = self.verb, since = host.since,
    out_of_rotation = host.out, is_seen = host.observed and next(host.observed) ~= nil, settled = host.settled,
  })
  status.evidence = evidence
  return status
end

-- Whether a host is, as it is recorded, what a rollback leads to, as far as that goes.
local function is_there(self, host, was)
  local at = self.standings
  if was.status ~= "complete" or not at or not at.head then return false end
  local target = self.target ~= "genesis" and self.target or nil
  for _, plan in ipairs(between.plans(at.st, target, at.head, { [host.name] = true })) do
    for _, change in ipairs(plan.changes) do
      if not change.same and tags.only({ change.resource }, self.opts.tags)[1] then return false end
    end
  end
  return true
end

--- status.json of a host that a rollback has not reached, or nil. Nothing is
-- pending on a host of which nothing is recorded, or nothing that differs.
function standing.pending(self, host)
  if self.verb ~= "rollback" or host.status ~= "unreachable" or not self.target then return nil end
  local was = standing.recorded(self, host)
  if not was.machine_id or is_there(self, host, was) then return nil end
  local asked = pending.asked(self.opts)
  if was.status == "pending-rollback" and not self.opts.discard_pending then
    asked = pending.after(was, self.target, asked)
    if not asked then return nil end
  end
  return {
    status = "pending-rollback", machine_id = was.machine_id, target = self.target, tags = asked.tags,
    options = asked.options, since = math.floor(sys.time()), by = hostlock.person(), problem = host.problem.message,
    was = was.was or was.status, out_of_rotation = was.out_of_rotation, at = was.at, step = was.step,
    steps = was.steps, journal = was.journal, pending_restarts = was.pending_restarts,
  }
end

return standing
