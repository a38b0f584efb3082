--- Saved plans: `neap plan -o FILE`, looked at with `neap show FILE`, carried out with `neap apply FILE`.
--
-- The file holds the desired state of each host that differs, and the changes that were planned. To carry it out, the
-- hosts are probed and planned again toward that desired state, without a playbook. Only where the very same changes
-- come out, from the same found states and by the same scripts, do they happen; a host that has moved stops all of it
-- before anything is touched.
--
--     plan -o    playbook ─▶ desired ─┬─ probe ─▶ changes ─▶ FILE
--     apply FILE            desired' ─┴─ probe ─▶ changes' = changes?  ─▶ apply

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local inventory = require "neap.inventory"
local log = require "neap.engine.log"
local moment = require "neap.engine.moment"
local planbody = require "neap.engine.planbody"
local planfile = require "neap.engine.planfile"
local project = require "neap.engine.project"
local session = require "neap.engine.session"
local show = require "neap.engine.show"
local Types = require "neap.engine.types"

local saved = {}

local OTHER = "another version of neap has made it"

local DAY_S = 86400
-- Clocks of two controllers may differ by so much.
local SKEW_S = 3600
-- What decides what is in a plan is not to be said again when it is carried out.
local FIXED = { limit = "--limit", tags = "--tags", extra = "--extra" }

local function absolute(path) return sys.real_path(path) or path end

local function text_of(step)
  if type(step) ~= "table" then return step end
  local input = step.stdin or ""
  return step.run .. "\0" .. (taint.is(input) and taint.reveal(input) or input)
end

-- A digest of the scripts that make a change; nil where they are not known before.
local function scripts_of(change, ctx)
  local rtype = change.resource.rtype
  local steps = {}
  if change.kind == "unknown" then return nil end
  if change.batch and change.batch.changes[1] == change then
    steps = rtype.steps_batch(change.batch.changes, ctx)
  elseif not change.batch then
    steps = rtype.steps(change.resource.key, change, ctx)
  end
  local texts = {}
  for i, step in ipairs(steps) do texts[i] = text_of(step) end
  return crypto.sha256(table.concat(texts, "\0\0"))
end

local function context_of(host)
  local units = {}
  for _, resource in ipairs(host.plan.desired.list) do
    if resource.rtype.unit then units[#units + 1] = resource.rtype.unit(resource.key) end
  end
  return { units = units, facts = host.facts }
end

local function change_told(change, ctx)
  return {
    id = change.id, kind = change.kind, from = change.from, to = change.to, differs = change.differs,
    trigger = change.trigger, because = change.because, unknown = change.unknown, notes = json.array(change.notes),
    batch_notes = change.batch and change.batch.changes[#change.batch.changes] == change and change.batch.notes or nil,
    starts = change.starts, scripts = scripts_of(change, ctx),
  }
end

local function host_told(host)
  local desired, ctx, changes = host.plan.desired, context_of(host), {}
  for i, change in ipairs(host.plan.changes) do changes[i] = change_told(change, ctx) end
  return {
    name = host.name, machine_id = host.facts.machine_id, list = json.array(desired.list), dropped = desired.dropped,
    inputs = desired.inputs, rolling = desired.rolling, changes = json.array(changes), outside = desired.outside,
  }
end

--- Saves the plan of a run to opts.out, as a verb's last word on it.
function saved.save(self)
  local opts, hosts = self.opts, {}
  for _, host in ipairs(self.hosts) do
    if host.status ~= "ok" then
      fault.raise(host.problem.code, nil, "the plan was not saved: '%s' is not planned; leave it out with --limit:\n%s",
        host.name, tostring(host.problem))
    end
    if host.objection then
      fault.raise(host.objection.code, nil, "the plan was not saved: a run would not change '%s'; leave it out with "
        .. "--limit", host.name)
    end
    if host.plan.changes[1] then hosts[#hosts + 1] = host_told(host) end
  end
  if not hosts[1] then return self.ui:line("nothing to save") end
  local now, flags, paths = math.floor(sys.time()), {}, {}
  for name in pairs(planbody.FLAGS) do flags[name] = opts[name] end
  for i, path in ipairs(inventory.paths(opts)) do paths[i] = absolute(path) end
  local head = {
    id = crypto.random_hex(8), made = now, expires = now + (opts.valid_for and moment.span(opts.valid_for) or DAY_S),
  }
  planfile.write(opts.out, opts, head, planfile.plain({
    playbook = opts.playbook, types = self.project.types.dir, inventory = json.array(paths), flags = flags,
    hosts = hosts,
  }, self.project.secrets.values))
  self.ui:line(("saved: %s (neap apply %s carries it out once, until %s)"):format(self.ui:clean(opts.out),
    self.ui:clean(opts.out), moment.text(head.expires)))
  self.ui:event { event = "saved", file = opts.out, id = head.id, expires = head.expires }
end

local function by_id(list)
  local index = {}
  for _, resource in ipairs(list) do index[resource.id] = resource end
  return index
end

--- Reads a saved plan.
-- @return { id, made, expires, playbook, inventory, flags, hosts = { [name] = { list, dropped, changes, … } }, names }
function saved.read(path, opts)
  local head, body = planfile.read(path, opts)
  local told = planfile.value(body)
  if not planbody.fits(told) then planfile.broken(path, OTHER) end
  local types, hosts, names = Types.new(told.types), {}, {}
  for i, host in ipairs(told.hosts) do
    if not planbody.complete(host, types) then planfile.broken(path, OTHER) end
    hosts[host.name], names[i] = host, host.name
  end
  told.id, told.made, told.expires, told.hosts, told.names = head.id, head.made, head.expires, hosts, names
  return told
end

--- The plans as show has them, from the file alone.
function saved.plans(told)
  local plans = {}
  for i, name in ipairs(told.names) do
    local host = told.hosts[name]
    local index = by_id(host.list)
    for _, change in ipairs(host.changes) do
      change.resource = index[change.id]
      change.batch = change.batch_notes and { changes = { change }, notes = change.batch_notes }
    end
    plans[i] = { name = name, changes = host.changes }
  end
  return plans
end

-- Where a plan that was carried out is noted, beside the repository's own files.
local function mark_of(st, id) return ("%sneap-plans/%s"):format(st:where(), id) end

local function used(id) fault.raise("stale", nil, "this plan was carried out already (%s): a plan is used once", id) end

-- Nobody has carried it out, here or in what was fetched.
local function check_unused(opts, told)
  local st <close> = project.open(opts)
  if not st then return end
  if sys.stat(mark_of(st, told.id)) then used(told.id) end
  for commit in log.commits(st, st:head()) do
    if commit.time < told.made - SKEW_S then break end
    if commit.message:find("\nPlan: " .. told.id, 1, true) then used(told.id) end
  end
end

--- Prepares the options of `neap apply FILE`.
function saved.open(path, opts)
  for name, option in pairs(FIXED) do
    if opts[name] then fault.raise("usage", nil, "%s: what a saved plan holds is settled; leave it out", option) end
  end
  local told = saved.read(path, opts)
  if told.expires < sys.time() then
    fault.raise("stale", nil, "the plan '%s' has expired (%s): make a new one", path, moment.text(told.expires))
  end
  check_unused(opts, told)
  opts.playbook, opts.limit, opts.inventory = told.playbook, told.names, opts.inventory or told.inventory
  for name in pairs(planbody.FLAGS) do
    if told.flags[name] ~= nil then opts[name] = told.flags[name] end
  end
  return told
end

--- Where the desired states come from (see converge.plan).
function saved.source(told)
  return function(self)
    self.types = Types.new(told.types)
    self.what, self.plan_id = (told.playbook or ""):match("[^/]*$") .. " (saved plan)", told.id
    return function(host)
      local kept = told.hosts[host.name]
      if kept.machine_id ~= host.facts.machine_id then
        fault.raise("stale", nil, "another machine than the one that was planned: its machine-id is not the same")
      end
      return {
        host = host.entry, list = kept.list, by_id = by_id(kept.list), inputs = kept.inputs or {},
        dropped = kept.dropped, rolling = kept.rolling, outside = kept.outside,
      }
    end
  end
end

-- Why a change is not the one that was saved; nil: it is.
local function other_than(change, kept, ctx)
  local rtype = change.resource.rtype
  if change.kind ~= kept.kind or change.trigger ~= kept.trigger then return "is to be changed otherwise now" end
  local names = {}
  for name in pairs(not change.resource.absent and change.resource.attrs or change.from or {}) do names[name] = true end
  if not rtype.live and not difference.same_state(rtype, change.from, kept.from, names) then
    return ("is not as the plan saw it (%s)"):format(show.moved(rtype, kept.from, change.from, names))
  end
  if not difference.same(change.differs, kept.differs) then return "differs otherwise than the plan saw it" end
  if scripts_of(change, ctx) ~= kept.scripts then
    return "would be changed by other steps: neap, its resource type or what else is on the host is another"
  end
end

local function by_change(changes)
  local set = {}
  for _, change in ipairs(changes) do set[change.id] = change end
  return set
end

-- The first resource that is not as it was when the plan was made, and how; nil: all are.
local function first_move(host, kept)
  local ctx, saw, now = context_of(host), by_change(kept.changes), by_change(host.plan.changes)
  for _, change in ipairs(kept.changes) do
    if not now[change.id] then return by_id(kept.list)[change.id], "is already as wanted" end
  end
  for i, change in ipairs(host.plan.changes) do
    local why = saw[change.id] and other_than(change, saw[change.id], ctx)
    if not saw[change.id] then why = "differs now, and did not when the plan was made" end
    if not why and kept.changes[i].id ~= change.id then why = "comes in another order now" end
    if why then return change.resource, why end
  end
end

--- Raises a fault where somebody else has carried it out meanwhile, or a host has moved since it was made.
function saved.check(self, told)
  check_unused(self.opts, told)
  local moved
  for _, host in ipairs(self.hosts) do
    if host.status == "ok" then
      local resource, why = first_move(host, told.hosts[host.name])
      if resource then session.drop(host, fault.new("stale", resource.where, "%s: %s", resource.id, why)) end
    end
    if host.status ~= "ok" then moved = moved or host end
  end
  if not moved then return end
  fault.raise(moved.status == "stale" and "stale" or moved.problem.code, nil,
    "nothing was changed: '%s' is not as the plan saw it; make a new one", moved.name)
end

--- Notes that the plan is being carried out: it is not a second time.
function saved.use(self, told)
  local st <close> = project.create(self.opts)
  sys.mkdir(st:where() .. "neap-plans", 448)
  local ok, message, code = sys.create(mark_of(st, told.id))
  if code == "exists" then used(told.id) end
  if not ok then fault.raise("store", nil, "%s: nothing was changed", message) end
end

return saved
