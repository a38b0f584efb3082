--- Rolling hosts back: a plan toward a recorded state.
--
--     wanted   what REV had, whole, in REV's order
--     going    what is recorded now and was not at REV: to what it was before
--              Neap, in the reverse of the order in which it was made
--
--     plan     going ─▶ wanted ─▶ those of the going that others restart ─▶ accounts
--
-- What goes, goes first, so that it is out of the way (a port, a package that
-- excludes another); what was there before Neap and reads what goes back (a
-- service) is restarted at the end. What must wait for another takes its turn
-- after that one (see turns.lua).

local came_with = require "neap.engine.came_with"
local conflicts = require "neap.engine.conflicts"
local covered = require "neap.engine.covered"
local destination = require "neap.engine.destination"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local going = require "neap.engine.going"
local labels = require "neap.engine.labels"
local layers = require "neap.engine.layers"
local lineage = require "neap.engine.lineage"
local log = require "neap.engine.log"
local needs = require "neap.engine.needs"
local objections = require "neap.engine.objections"
local place = require "neap.place"
local project = require "neap.engine.project"
local recorded = require "neap.engine.recorded"
local standing = require "neap.engine.standing"
local tags = require "neap.engine.tags"
local turns = require "neap.engine.turns"
local unlisted = require "neap.engine.unlisted"
local writers = require "neap.engine.writers"
local Types = require "neap.engine.types"

local rollback = {}

-- The playbook of the last run, for the types that lie beside it.
local function playbook_of(st, head)
  local run = log.run_of(st, head)
  return type(run.playbook) == "string" and run.playbook or nil
end

local function types_of(opts, playbook)
  local path = playbook and project.recorded_playbook(opts, playbook)
  return Types.new(path and (path:match("^(.*/)[^/]*$") or "") .. "types")
end

-- Permissions of the command line, as types and conflicts see them.
function rollback.permissions(opts)
  return {
    data_loss = opts.allow_data_loss or false, barriers = opts.allow_barriers or false,
    remove_homes = opts.remove_homes or false, keep_versions = opts.keep_versions or false,
  }
end

-- A record of REV with what no run had looked at by then: it was as the first one that did has found it.
local function with_first(entry, first)
  local was_there = entry.state and not entry.state.occupied
  if not was_there or not first or next(first) == nil then return entry end
  return setmetatable({ state = difference.overlay(first, entry.state) }, { __index = entry })
end

-- How it is told that something is there, and how it is taken away, its record of now says where REV had none of it.
local function add_missing(attrs, state)
  for name, value in pairs(state or {}) do
    if attrs[name] == nil then attrs[name] = value end
  end
end

-- Whether a resource of REV is there now, by what is recorded.
local function is_there(resource, before)
  local state = resource.as_recorded.genesis
  if before then state = before.state end
  return state and not state.occupied
end

-- What was to be absent, and then another kind of thing was made in its place: where it is there now it goes first, as
-- it went then. What is there in the end is the other.
local function make_way(list)
  local at = {}
  for _, resource in ipairs(list) do
    if not resource.absent and not resource.attrs.occupied then at[resource.key] = resource end
  end
  for _, resource in ipairs(list) do
    local other, entry = resource.attrs.occupied and at[resource.key], resource.as_recorded
    local first = other and other.as_recorded.genesis
    local was_replaced = other and (other.attrs.force and next(entry.managed) or first and first.occupied == entry.type)
    if other and not was_replaced and lineage.may_replace(other, resource) and is_there(resource, resource.before) then
      resource.absent, resource.beneath, resource.attrs = true, true, {}
      add_missing(resource.attrs, entry.options)
      add_missing(resource.attrs, resource.before and resource.before.state)
      layers.wait(other, resource.id)
    end
  end
end

-- Two that are both to be away: what is not there now, since the other stands in its place, is looked at when that has
-- gone.
local function wait_for_holder(list)
  local holders = {}
  for _, resource in ipairs(list) do
    if resource.absent and is_there(resource, resource.before) then holders[resource.key] = resource end
  end
  for _, resource in ipairs(list) do
    local other = resource.absent and holders[resource.key]
    if other and other ~= resource and lineage.may_replace(other, resource) then
      layers.wait(resource, other.id)
    end
  end
end

-- What REV had, and what it watches: what goes now was watched as well.
local function wanted_of(self, now, target)
  local list = {}
  for _, id in ipairs(needs.order(target, self.types)) do
    local before = now.resources[id]
    local entry = with_first(target.resources[id], before and before.first)
    local resource = recorded.wanted(entry, self.types, self.permissions)
    for _, verb in ipairs(resource.rtype.triggers or {}) do
      local watched, name = {}, verb .. "_on"
      for _, other in ipairs(resource.meta[name] or {}) do watched[#watched + 1] = other end
      for _, other in ipairs(before and before.meta[name] or {}) do
        if not target.resources[other] then watched[#watched + 1] = other end
      end
      resource.meta[name] = watched
    end
    if resource.absent then add_missing(resource.attrs, before and before.state) end
    resource.before = before
    list[#list + 1] = resource
  end
  layers.stack(list, target)
  make_way(list)
  wait_for_holder(list)
  return list
end

-- Whether what is wanted away goes before this one that goes: what lies in a directory, which else would not be empty;
-- and a package in the same transaction, since the one may need the other.
local function goes_before(inner, resource)
  local together = resource.rtype.batch and inner.rtype == resource.rtype
  return resource.absent and (together or place.lies_in(inner.key, resource.key))
end

-- What goes, and then what is wanted, but for what is wanted away and goes before.
local function in_turn(leaving, wanted)
  local away, list, moved = {}, {}, {}
  for i = #wanted, 1, -1 do
    if wanted[i].absent then away[#away + 1] = wanted[i] end
  end
  for _, resource in ipairs(leaving) do
    for _, inner in ipairs(away) do
      if not moved[inner] and goes_before(inner, resource) then
        moved[inner] = true
        list[#list + 1] = inner
      end
    end
    list[#list + 1] = resource
  end
  for _, resource in ipairs(wanted) do
    if not moved[resource] then list[#list + 1] = resource end
  end
  return list
end

-- Each type is told which of its resources are there in the end, and which are not, which numbers are given up, who
-- takes one, and whose what is where in the end.
local function tell_types(list, now)
  local there, gone, owners, given_up, takers = {}, {}, {}, turns.numbers(list, now)
  for _, resource in ipairs(list) do
    local keys, name = resource.absent and gone or there, resource.rtype.name
    keys[name] = keys[name] or {}
    table.insert(keys[name], resource.key)
    for _, path in ipairs(not resource.absent and recorded.paths_of(resource) or {}) do
      owners[path] = resource.attrs.owner
    end
  end
  for _, resource in ipairs(list) do
    local told = { staying = there, leaving = gone, given_up = given_up, takers = takers, owners = owners }
    resource.back = resource.back and setmetatable(told, { __index = resource.back })
  end
end

-- Two that know the same of a host agree.
local function settle(list)
  local by_id = {}
  for _, resource in ipairs(list) do by_id[resource.id] = resource end
  for _, resource in ipairs(list) do
    local back = resource.back and resource.rtype.rollback
    if back and back.settle and not resource.absent then back.settle(resource, by_id) end
    if resource.rtype.agree and not resource.absent then resource.rtype.agree(resource, by_id) end
  end
end

-- All of a run in the order in which it is carried out: what goes, what is wanted, and what reads or owns at last.
local function arranged(first, wanted, last, now)
  local list = in_turn(first, wanted)
  table.move(last, 1, #last, #list + 1, list)
  covered.mark(list, now)
  settle(list)
  writers.translate(list, now)
  tell_types(list, now)
  return turns.sort(list, now)
end

-- What tells whether a package is there in the end: as recorded in the target, or as it is now where -t leaves it out.
local function in_the_end(now, target, said)
  return function(id)
    local wanted, found = target.resources[id], now.resources[id]
    local asked = tags.only({ wanted or found }, said)[1]
    local last = asked and wanted or not asked and found
    return last and last.state
  end
end

--- The desired state of one host: a list in order, with what is `dropped`.
-- @param self { types, permissions }
-- @param now, target what recorded.host gives for HEAD and for REV
-- @param said what -t says, or nil
function rollback.compose(self, host, now, target, said)
  now = came_with.settle(now, in_the_end(now, target, said))
  local wanted = wanted_of(self, now, target)
  local first, last, dropped = going.of(self, now, target, wanted)
  recorded.adopt(wanted)
  local desired = recorded.desired(host, arranged(first, wanted, last, now))
  desired.dropped = dropped
  return desired
end

-- The types are told what came along with resources of theirs.
local function with_brought(self, now)
  local permitted = { brought = now.brought }
  for name, value in pairs(self.permissions) do permitted[name] = value end
  return { types = self.types, permissions = permitted }
end

-- A service of the playbook still watches what it watched when that was
-- recorded and goes now; it is recorded as the playbook has it.
local function watch_what_goes(resource, before, ids)
  for _, verb in ipairs(before and resource.rtype.triggers or {}) do
    local name = verb .. "_on"
    for _, id in ipairs(before.meta[name] or {}) do
      if ids[id] then
        if not resource.own_meta then
          resource.own_meta, resource.meta = resource.meta, {}
          for field, value in pairs(resource.own_meta) do resource.meta[field] = value end
        end
        local watched = table.move(resource.meta[name] or {}, 1, #(resource.meta[name] or {}), 1, {})
        watched[#watched + 1] = id
        resource.meta[name] = watched
      end
    end
  end
end

--- Adds to what a playbook wants what it no longer has, on its way back to what
-- was there before Neap: first what goes, last what reads from it.
-- @param self { types, permissions }
-- @param desired what evaluate.host gave; it is changed
-- @param now what recorded.host gives for HEAD
-- @param ids set of what goes
-- @return list of the resources that were added
function rollback.take_back(self, desired, now, ids)
  local stays = { resources = {} }
  for id, entry in pairs(now.resources) do stays.resources[id] = not ids[id] and entry or nil end
  now = came_with.settle(now, function(id)
    local wanted, stayed = desired.by_id[id], stays.resources[id]
    if wanted then return not wanted.absent end
    return stayed and stayed.state
  end)
  local first, last, dropped = going.of(with_brought(self, now), now, stays, desired.list)
  recorded.desired(desired.host, first)
  for _, resource in ipairs(first) do
    -- a transaction of its own, apart from those of the playbook
    resource.transaction = resource.transaction and -resource.transaction
  end
  for _, resource in ipairs(desired.list) do watch_what_goes(resource, now.resources[resource.id], ids) end
  local added = table.move(last, 1, #last, #first + 1, table.move(first, 1, #first, 1, {}))
  desired.list = arranged(first, desired.list, last, now)
  for _, resource in ipairs(added) do desired.by_id[resource.id] = resource end
  desired.dropped = dropped
  return added
end

local function recorded_at(self, rev, name)
  if not rev then return { resources = {}, order = {}, brought = {} } end
  return recorded.host(self.st, rev, name, self.key)
end

-- A host that is in rotation now and was then leaves it meanwhile. Of one that will be in none, nobody could say when
-- it is well again.
local function roll(desired, now, target, opts)
  desired.rolling = target.rolling and now.rolling
  desired.rolling_after = opts.tags and now.rolling or target.rolling or {}
end

--- Where the desired states of a rollback come from (see converge.plan).
-- Notes on the session: what = how the target is called, target = its commit.
function rollback.source(session)
  objections.check(session.opts)
  local st = log.open(session.opts)
  local head = st:head()
  if not head then fault.raise("usage", nil, "nothing was recorded yet") end
  local target, name = destination.of(st, session.opts)
  destination.hold(session, st, target)
  session.what, session.target = "to " .. name, target or destination.GENESIS
  destination.tell(session, st, target)
  unlisted.tell(session, st, head, target)
  -- The state stays where it was found: a playbook is told as that run was, which may have been in another folder.
  session.opts.state = project.place(session.opts)
  session.opts.playbook = playbook_of(st, head)
  local self = {
    st = st, key = project.key(session.opts), types = types_of(session.opts, session.opts.playbook),
    permissions = rollback.permissions(session.opts),
  }
  session.types = self.types -- of those who stand by
  return function(host, round)
    -- Of a machine that is another than the recorded one nothing is known: what is there now was before Neap.
    local is_another = standing.is_another(session, host)
    local now = recorded_at(self, not is_another and head or nil, host.name)
    now.is_another = is_another
    local target_state = recorded_at(self, target, host.name)
    local whole = not session.opts.tags
    now = labels.apart(now, labels.of_state(target_state, self.types), self.types, whole)
    local desired = rollback.compose(with_brought(self, now), host.entry, now, target_state, session.opts.tags)
    desired.whole = whole
    roll(desired, now, target_state, session.opts)
    host.conflicts = conflicts.find(round, desired, now, self.types, session.opts)
    return desired
  end
end

return rollback
