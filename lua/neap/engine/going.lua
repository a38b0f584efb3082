--- What a way back takes away or brings back to what it was before Neap, since it is recorded now and was not then; and
-- in which order.

local belonging = require "neap.engine.belonging"
local layers = require "neap.engine.layers"
local lineage = require "neap.engine.lineage"
local needs = require "neap.engine.needs"
local parts = require "neap.engine.parts"
local place = require "neap.place"
local recorded = require "neap.engine.recorded"

local going = {}

-- Who is to be at each path, of these resources.
local function owners_of(list)
  local owners = {}
  for _, resource in ipairs(list) do
    for _, path in ipairs(resource.absent and {} or recorded.paths_of(resource)) do owners[path] = resource end
  end
  return owners
end

-- The one that is wanted and lies where a resource lies that goes: that one decides what is there then.
local function owner_of(resource, owners)
  for _, path in ipairs(recorded.paths_of(resource)) do
    local owner = owners[path]
    if owner then return owner end
  end
end

-- Whether the one that stands at a place was found over this one, be it by way of others.
local function is_below(entry, now)
  local seen, at = {}, now.resources[entry.state.occupied .. ":" .. entry.key]
  while at and not seen[at] do
    seen[at] = true
    local before = at.genesis and at.genesis.occupied
    at = before and now.resources[before .. ":" .. entry.key]
    if at == entry then return true end
  end
  return false
end

-- Whether what was there before the owner is what this resource knows: then its record stays. An owner who is new takes
-- its place in this run; what Neap had taken away before, the owner did not find.
local function leads_back(owner, resource, entry, now)
  local known = owner and now.resources[owner.id]
  if known and known.genesis then return known.genesis.occupied == entry.type end
  if not owner or not lineage.may_replace(owner, resource) then return false end
  if known then return known.under and not entry.under end
  if not entry.state then return entry.genesis end
  return not entry.state.occupied or is_below(entry, now)
end

local function name_below(path, directory)
  return place.lies_in(path, directory) and path:match("^[^/]+", #directory + 2)
end

-- Whether something that is wanted, there or not, has a name in a directory.
local function keeps_name(directory, name, wanted)
  for _, resource in ipairs(wanted) do
    for _, path in ipairs(recorded.paths_of(resource)) do
      if name_below(path, directory.key) == name then return true end
    end
  end
  return false
end

-- Whether a directory that is wanted takes it out, since nothing that is wanted lies there: it stays recorded for the
-- time when that directory goes.
local function is_purged(resource, wanted)
  for _, directory in ipairs(resource.absent and {} or wanted) do
    local name = directory.attrs.purge and not directory.absent and name_below(resource.key, directory.key)
    if name and not keeps_name(directory, name, wanted) then return true end
  end
  return false
end

-- The ids of what it needs to be as it was: of a service its unit.
local function supports_of(resource)
  local rtype = resource.rtype
  return not resource.absent and rtype.hangs_on and rtype.hangs_on(resource.key, resource.attrs) or {}
end

-- The id of what it would need to be as it was, and is wanted away: of a service its unit, of a file its owner.
local function stuck_on(resource, wanted_ids)
  for _, id in ipairs(supports_of(resource)) do
    if wanted_ids[id] and wanted_ids[id].absent then return id end
  end
  return belonging.missing(resource, wanted_ids)
end

-- Whether what it needs is Neap's own and goes: it was found so only once that was there.
local function goes_along(resource, going_ids)
  for _, id in ipairs(supports_of(resource)) do
    if going_ids[id] and going_ids[id].genesis == false then return true end
  end
  return false
end

-- The ids of what comes back with others, that are wanted or go back to what they were.
local function brought_back(wanted, entries, types)
  local ids = {}
  local function note(rtype, key, attrs)
    for _, id in ipairs(attrs and rtype and rtype.brings and rtype.brings(key, attrs) or {}) do ids[id] = true end
  end
  for _, resource in ipairs(wanted) do note(resource.rtype, resource.key, not resource.absent and resource.attrs) end
  for _, entry in ipairs(entries) do note(types:get(entry.type), entry.key, entry.genesis) end
  return ids
end

-- What goes reads from what goes or comes back, and is there for good: it is
-- restarted when all the others are done.
local function is_reader(resource) return not resource.absent and resource.rtype.triggers ~= nil end

local function is_momentary(rtype) return rtype.rollback and rtype.rollback.momentary end

-- Accounts go when what they own has gone or belongs to others again.
local function is_owner(resource)
  local back = resource.rtype.rollback
  return resource.absent and back and back.owns
end

-- The records of what goes, in order.
local function leaving(self, now, target)
  local list = {}
  for _, id in ipairs(needs.order(now, self.types)) do
    if not target.resources[id] then list[#list + 1] = now.resources[id] end
  end
  return list
end

-- Where a resource that goes has its place: "dropped" (only its record goes), "readers", "owning" or "first".
local function class_of(resource, entry, owner, settled)
  local has_nothing = settled[entry.id] == false or entry.genesis == nil or is_momentary(resource.rtype)
  if owner or has_nothing then return "dropped" end
  if is_reader(resource) then return "readers" end
  return is_owner(resource) and "owning" or "first"
end

-- What a file that it is a part of makes of it: "dropped", or false; and the id of the file.
local function heed_file(resource, entry, now, wanted, leaving_ids)
  local fate, file = parts.fate(resource.rtype, entry, now, wanted, leaving_ids)
  if fate == "covered" then
    resource.covered = true
    layers.wait(wanted[file], resource.id)
  end
  if fate == "after" then resource.needs = { file } end
  return fate == "dropped" and fate, file
end

--- What goes: first those that others need, last those that need others;
-- those that read, and then those that own, at the end; those of which only the
-- record goes.
-- @param self { types, permissions }
-- @param now, target what recorded.host gives for HEAD and for what is gone back to
-- @param wanted resources that are wanted then
-- @return three lists of resources: what goes first, what goes last, and what is dropped
function going.of(self, now, target, wanted)
  local lists, owners = { first = {}, readers = {}, owning = {}, dropped = {} }, owners_of(wanted)
  local entries = leaving(self, now, target)
  local wanted_ids, going_ids = parts.by_id(wanted), parts.by_id(entries)
  local settled, heirs = lineage.settle(entries, self.types)
  local brought, above = brought_back(wanted, entries, self.types), layers.above(wanted, now)
  for i = #entries, 1, -1 do
    local entry = settled[entries[i].id] or entries[i]
    local resource = recorded.to_genesis(entry, self.types, self.permissions)
    resource.before = entry
    local owner = owner_of(resource, owners)
    local layer = layers.other(resource, entry, owner, wanted_ids, above)
    if layer == owner then owner = nil end
    if owner then -- it may have to replace what is there now
      if owner.rtype.attributes.force then owner.attrs.force = true end
      owner.displaced = owner.displaced or {}
      table.insert(owner.displaced, resource)
    end
    if settled[entry.id] and resource.rtype.attributes.force then resource.attrs.force = true end
    if not leads_back(owner, resource, entry, now) and not is_purged(resource, wanted) then
      local class, with = class_of(resource, entry, owner, settled), owner and owner.id or heirs[entry.id]
      local of_file, file = heed_file(resource, entry, now, wanted_ids, going_ids)
      if of_file then class, with = of_file, with or file end
      if resource.absent and brought[entry.id] then class = "dropped" end
      if class == "dropped" then resource = recorded.dropped(entry, self.types, with) end
      local goes = class ~= "dropped"
      if layer and goes then layers.cover(resource, layer, now) end
      resource.stuck = goes and stuck_on(resource, wanted_ids) or nil
      resource.goes_along = goes and goes_along(resource, going_ids) or nil
      resource.kept_for = goes and belonging.renumbered(resource, wanted_ids, now) or nil
      table.insert(lists[class], class == "readers" and 1 or #lists[class] + 1, resource)
    end
  end
  local first, readers, owning = lists.first, lists.readers, lists.owning
  local last = table.move(owning, 1, #owning, #readers + 1, readers)
  layers.settle(table.move(last, 1, #last, #first + 1, table.move(first, 1, #first, 1, {})), now)
  return first, last, lists.dropped
end

return going
