--- The order in which recorded resources can be made again.
--
-- An apply records its own order, and what it was not about stays behind what
-- it stood behind. So a file may come to stand before its folder, and a service
-- before what it watches, when a later playbook named one of them and not the
-- other. Here each waits for what it needs; else the order stays.

local recorded = require "neap.engine.recorded"
local writers = require "neap.engine.writers"

local needs = {}

-- A recorded state that is there, with what was said besides, and its type; nil of one that is not.
local function attrs_of(entry, types)
  local rtype = entry.state and types:get(entry.type)
  if not rtype then return nil end
  return recorded.attrs(entry, rtype, entry.state), rtype
end

-- Who writes which line into the files of others, by id (see writers.lua).
local function lines_of(kept, types)
  local lines = {}
  for _, id in ipairs(kept.order) do
    local attrs, rtype = attrs_of(kept.resources[id], types)
    if attrs then writers.add(lines, rtype, kept.resources[id].key, attrs, id) end
  end
  return lines
end

-- The ids that a resource of this record comes after, if they are there.
local function of(entry, types, lines)
  local ids = {}
  for name, value in pairs(entry.meta) do
    if name == "after" or name:find("_on$") then table.move(value, 1, #value, #ids + 1, ids) end
  end
  local attrs, rtype = attrs_of(entry, types)
  if not attrs then return ids end
  local above = writers.above(lines, rtype, entry.key, attrs)
  table.move(above, 1, #above, #ids + 1, ids)
  local more = rtype.depends and rtype.depends(entry.key, attrs) or {}
  return table.move(more, 1, #more, #ids + 1, ids)
end

-- Whether all that `id` waits for has its place.
local function is_ready(waits, placed)
  for _, other in ipairs(waits) do
    if not placed[other] then return false end
  end
  return true
end

--- The ids of all resources, each after those that it needs.
-- @param kept what recorded.host() gave
-- @param types where resource types are found
function needs.order(kept, types)
  local order, placed, waiting = {}, {}, {}
  local waits, lines = {}, lines_of(kept, types)
  local function place(id)
    order[#order + 1], placed[id] = id, true
    for i, other in ipairs(waiting) do
      if is_ready(waits[other], placed) then
        table.remove(waiting, i)
        return place(other)
      end
    end
  end
  for _, id in ipairs(kept.order) do
    waits[id] = {}
    for _, other in ipairs(of(kept.resources[id], types, lines)) do
      if kept.resources[other] and other ~= id then table.insert(waits[id], other) end
    end
    if is_ready(waits[id], placed) then place(id) else waiting[#waiting + 1] = id end
  end
  -- what waits for each other stays as it was
  return table.move(waiting, 1, #waiting, #order + 1, order)
end

return needs
