--- What was at a path before Neap, where several kinds of resources have lain there one after the other.
--
--     file /x      genesis: nothing
--     symlink /x   genesis: a file in its place     ─▶ what the file's genesis says: nothing
--
-- Each knows what it found. The one that lies there now leads back, over what it replaced, to what was there first;
-- that one resource goes back, and of the others only the record goes.

local lineage = {}

-- Those that could stand in each other's place, by path.
local function by_path(entries, types)
  local groups = {}
  for _, entry in ipairs(entries) do
    local rtype = types:get(entry.type)
    if rtype and rtype.attributes.occupied and entry.genesis ~= nil then
      groups[entry.key] = groups[entry.key] or {}
      table.insert(groups[entry.key], entry)
    end
  end
  return groups
end

-- Which of them lies there.
local function holder_of(group)
  for _, entry in ipairs(group) do
    if entry.state and not entry.state.occupied then return entry end
  end
  return group[#group]
end

-- The one that knows what was there first.
local function origin_of(group, holder)
  local of_kind, seen, at = {}, {}, holder
  for _, entry in ipairs(group) do of_kind[entry.type] = entry end
  while not seen[at] do
    seen[at] = true
    local before = at.genesis and at.genesis.occupied and of_kind[at.genesis.occupied]
    if not before or seen[before] then return at end
    at = before
  end
  return at
end

--- Which of the resources that go to what was before Neap do so, and how.
-- @param entries of recorded.host(), those that go
-- @return { [id] = entry, maybe with another genesis | false: its record goes, and no more }
function lineage.settle(entries, types)
  local settled = {}
  for _, group in pairs(by_path(entries, types)) do
    local holder = holder_of(group)
    local origin = origin_of(group, holder)
    for _, entry in ipairs(group[2] and group or {}) do settled[entry.id] = false end
    if group[2] and origin.genesis then
      settled[origin.id] = origin
    elseif group[2] then
      settled[holder.id] = setmetatable({ genesis = false }, { __index = holder })
    end
  end
  return settled
end

return lineage
