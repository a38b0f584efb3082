--- What was at a path before Neap, where several kinds of resources have lain there one after the other.
--
--     file /x      genesis: nothing
--     symlink /x   genesis: a file in its place     ─▶ what the file's genesis says: nothing
--
-- Each knows what it found. The one that lies there now leads back, over what it replaced, to what was there first;
-- that one resource goes back, and of the others only the record goes.

local lineage = {}

-- What only one resource can be at a time: at a path, or, of a type of which a host has one, that one.
local function place_of(rtype, key)
  if rtype.only then return rtype.name end
  return rtype.attributes.occupied and key or nil
end

--- Whether one of two resources that are not the same can stand in the place of the other.
function lineage.may_replace(one, other)
  local place = place_of(one.rtype, one.key)
  return place ~= nil and place == place_of(other.rtype, other.key)
end

-- Those that could stand in each other's place, by place.
local function by_place(entries, types)
  local groups = {}
  for _, entry in ipairs(entries) do
    local rtype = types:get(entry.type)
    local place = rtype and entry.genesis ~= nil and place_of(rtype, entry.key)
    if place then
      groups[place] = groups[place] or { only = rtype.only }
      table.insert(groups[place], entry)
    end
  end
  return groups
end

-- Which of them lies there.
local function holder_of(group)
  for _, entry in ipairs(group) do
    local state = entry.state
    if state and not state.occupied and not (group.only and group.only(state) ~= entry.key) then return entry end
  end
  return group[#group]
end

-- The only one that was not found in place of another of them, or nil.
-- @param below { [entry] = the one of them over which it lies }
local function first_of(group, below)
  local first
  for _, entry in ipairs(group) do
    local is_first = not (entry.under or below[entry])
    if is_first and first then return nil end
    first = first or is_first and entry
  end
  return first or nil
end

-- Of each of them, the one over which it lies, by way of others that do not belong to them (see layers.lua).
local function below_of(group, by_id)
  local is_one, below = {}, {}
  for _, entry in ipairs(group) do is_one[entry] = true end
  for _, entry in ipairs(group) do
    local seen, at = {}, entry
    while at and at.over and not seen[at] do
      seen[at], at = true, by_id[at.over]
      if is_one[at] then at, below[entry] = nil, at end
    end
  end
  return below
end

-- The one that knows what was there first.
local function origin_of(group, holder, by_id)
  local below = below_of(group, by_id)
  local first = first_of(group, below)
  if first then return first end
  local by_name, seen, at = {}, {}, holder
  for _, entry in ipairs(group) do by_name[group.only and entry.key or entry.type] = entry end
  while not seen[at] do
    seen[at] = true
    local name = at.genesis and (group.only and group.only(at.genesis) or at.genesis.occupied)
    local before = below[at] or name and by_name[name]
    if not before or seen[before] then return at end
    at = before
  end
  return at
end

--- Which of the resources that go to what was before Neap do so, and how.
-- @param entries of recorded.host(), those that go
-- @return { [id] = entry, maybe with another genesis | false: its record goes, and no more }; and of these { [id] = the
--   id of the one that goes back }
function lineage.settle(entries, types)
  local settled, heirs, by_id = {}, {}, {}
  for _, entry in ipairs(entries) do by_id[entry.id] = entry end
  for _, group in pairs(by_place(entries, types)) do
    local holder = holder_of(group)
    local origin = origin_of(group, holder, by_id)
    for _, entry in ipairs(group[2] and group or {}) do
      settled[entry.id], heirs[entry.id] = false, origin.genesis and origin.id or holder.id
    end
    if group[2] and origin.genesis then
      settled[origin.id] = origin
    elseif group[2] then
      settled[holder.id] = setmetatable({ genesis = false }, { __index = holder })
    end
  end
  return settled, heirs
end

return lineage
