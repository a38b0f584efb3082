--- What was removed from the playbook: recorded of a host at HEAD and no longer
-- desired. Every plan names it, since it would be forgotten otherwise: it is
-- still there and nobody looks after it. With --prune, or where the playbook
-- says managed_only(), it goes back to what it was before Neap, by the rules
-- of a rollback; but what something in the playbook needs stays (the folder of
-- a file).
--
-- To learn that there is none must not cost a look into the repository. So the
-- cache of the last record (remembered.lua) keeps, for the set of resources
-- that a playbook gave a host, which others were recorded then.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local conflicts = require "neap.engine.conflicts"
local converge = require "neap.engine.converge"
local entry_of = require "neap.engine.entry"
local fault = require "neap.engine.fault"
local labels = require "neap.engine.labels"
local layers = require "neap.engine.layers"
local objections = require "neap.engine.objections"
local project = require "neap.engine.project"
local recorded = require "neap.engine.recorded"
local remembered = require "neap.engine.remembered"
local rollback = require "neap.engine.rollback"
local shape = require "neap.engine.shape"
local show = require "neap.engine.show"
local standing = require "neap.engine.standing"

local abandoned = {}

-- So many are named without -v.
local NAMED = 8

-- One text for a set of resources in their order.
local function set_of(list)
  local ids = {}
  for i, resource in ipairs(list) do ids[i] = resource.id end
  return crypto.sha256(table.concat(ids, "\0"))
end

-- The state repository, opened when first needed; nil where there is none.
local function store_of(self)
  if self.store == nil then
    self.store = project.open(self.opts) or false
    self.head = self.store and self.store:head()
  end
  return self.head and self.store
end

-- Whether a resource is not there and was not before Neap (a run that failed looked for it): nothing of it is left.
local function is_nothing(st, head, host, id)
  local rtype, key = id:match("^([^:]*):(.*)$")
  for _, root in ipairs { "", "genesis/" } do
    local text = st:read(head, "hosts/" .. host .. "/" .. root .. entry_of.path(rtype, key))
    local entry = text and json.decode(text)
    if type(entry) ~= "table" or entry.state ~= nil and entry.state ~= json.null then return false end
  end
  return true
end

-- The ids that the repository has of a host and `desired` has not; with --prune those too of which only records are
-- left.
local function look_up(self, host, desired)
  local st, ids = store_of(self), {}
  local text = st and st:read(self.head, "hosts/" .. host .. "/order.json")
  local order = text and json.decode(text)
  for _, id in ipairs(shape.fits(order, { "list", "string" }) and order or {}) do
    if not desired.by_id[id] and (self.opts.prune or not is_nothing(st, self.head, host, id)) then
      ids[#ids + 1] = id
    end
  end
  return ids
end

-- Of these, what no label of the playbook stands for by another name.
local function without_renamed(self, host, desired, ids)
  local may_be = {}
  for _, resource in ipairs(desired.list) do may_be[resource.type] = resource.rtype.denotes ~= nil end
  local any = false
  for _, id in ipairs(ids) do any = any or may_be[id:match("^[^:]*")] end
  if not any then return ids end
  self.types = self.types or self.session.project.types
  local now = recorded.host(store_of(self), self.head, host.name, self.key)
  local _, _, names = labels.apart(now, labels.of_list(desired.list), self.types, true)
  local others = {}
  for _, id in ipairs(ids) do others[#others + 1] = not names[id] and id or nil end
  return others
end

-- Of a machine that is another than the recorded one nothing is abandoned.
local function find(self, host, desired)
  local set = set_of(desired.list)
  local known = self.known[host.name]
  local ids = known and known.of == set and not self.opts.prune and known.ids or
    without_renamed(self, host, desired, look_up(self, host.name, desired))
  if ids[1] and standing.is_another(self.session, host) then ids = {} end
  return { of = set, ids = ids }
end

local function add_needed(needed, rtype, key, attrs)
  for _, id in ipairs(rtype.depends and rtype.depends(key, attrs) or {}) do needed[id] = true end
end

-- Of what is abandoned, what nothing needs that stays: { [id] = true }.
local function dispensable(self, desired, now, ids)
  local needed, going = {}, {}
  for _, resource in ipairs(desired.list) do
    if not resource.absent then add_needed(needed, resource.rtype, resource.key, resource.attrs) end
  end
  local function is_needed(entry, rtype) -- but not where another has its place
    return needed[entry.id] and rtype and not layers.is_shared(entry, rtype, desired.list, now)
  end
  for i = #ids, 1, -1 do -- those that need others come after them
    local entry = now.resources[ids[i]]
    local rtype = entry and self.types:get(entry.type)
    if entry and is_needed(entry, rtype) then
      add_needed(needed, rtype, entry.key, entry.state or {})
    elseif entry then
      going[entry.id] = true
    end
  end
  return going
end

-- Adds the way back of what is abandoned to what is wanted.
local function prune(self, host, desired, round)
  local wanted = labels.of_list(desired.list)
  local may_go = host.abandoned.ids[1] or labels.any(wanted)
  local st = may_go and store_of(self)
  if not st or standing.is_another(self.session, host) then return end
  self.types = self.types or self.session.project.types
  local at_head = recorded.host(st, self.head, host.name, self.key)
  local now, others = labels.apart(at_head, wanted, self.types, true)
  for _, id in ipairs(others) do table.insert(host.abandoned.ids, id) end
  local going = dispensable(self, desired, now, host.abandoned.ids)
  local added = rollback.take_back(self, desired, now, going)
  local by_id = {}
  for _, resource in ipairs(added) do by_id[resource.id] = resource end
  host.conflicts = conflicts.find(round, { list = added, by_id = by_id }, now, self.types, self.opts)
  host.pruned = going
end

--- The desired states of a playbook, for converge.plan, with a look at what it
-- no longer has: noted on each host (`abandoned`, see remembered.keep). Not
-- where only some tags are asked for: what is left out then is not abandoned.
function abandoned.source(session)
  local desired_of, opts = converge.playbook(session), session.opts
  objections.check(opts)
  if opts.tags then
    if opts.prune then fault.raise("usage", nil, "--prune looks at all of a playbook: leave --tags out") end
    return desired_of
  end
  local self = {
    session = session, opts = opts, known = remembered.abandoned(project.place(opts)), key = project.key(opts),
    permissions = rollback.permissions(opts),
  }
  return function(host, round)
    local desired = desired_of(host, round)
    desired.whole = true
    host.abandoned = find(self, host, desired)
    if opts.prune or desired.managed_only then prune(self, host, desired, round) end
    return desired
  end
end

local function sentence(ids, verbose)
  local count = #ids
  local most = verbose > 0 and count or math.min(count, NAMED)
  local text = table.concat(ids, ", ", 1, most)
  if most < count then text = text .. (" and %d more (-v names them)"):format(count - most) end
  return text
end

-- What is abandoned and stays so.
local function left_of(host)
  local ids = {}
  for _, id in ipairs(host.status == "ok" and host.abandoned and host.abandoned.ids or {}) do
    if not (host.pruned and host.pruned[id]) then ids[#ids + 1] = id end
  end
  return ids
end

--- Names what is abandoned, and what stands against its way back.
function abandoned.told(session)
  local lines, ui, kept = show.lines(), session.ui, false
  for _, host in ipairs(session.hosts) do
    local ids = left_of(host)
    if ids[1] then
      local why = host.pruned and "abandoned, but the playbook needs it: " or "abandoned, no longer in the playbook: "
      kept = kept or not host.pruned
      lines:add(host.name, why .. sentence(ids, ui.verbose))
      ui:event { event = "abandoned", host = host.name, ids = json.array(ids) }
    end
  end
  lines:print(ui)
  if kept then ui:line(ui:paint("dim", "  --prune takes it back to what it was before neap")) end
  objections.told(session)
end

--- Raises a fault where something stands against a way back.
abandoned.stop = objections.stop

return abandoned
