--- The order in which recorded resources can be made again.
--
-- An apply records its own order, and what it was not about stays behind what
-- it stood behind. So a file may come to stand before its folder, and a service
-- before what it watches, when a later playbook named one of them and not the
-- other. Here each waits for what it needs; else the order stays.

local taint = require "neap.core.taint"

local needs = {}

-- The ids that a resource of this record comes after, if they are there.
local function of(entry, types)
  local ids = {}
  for name, value in pairs(entry.meta) do
    if name == "after" or name:find("_on$") then table.move(value, 1, #value, #ids + 1, ids) end
  end
  local rtype = entry.state and types:get(entry.type)
  if not rtype or not rtype.depends then return ids end
  local attrs = setmetatable({}, { __index = entry.options })
  for name, value in pairs(entry.state) do attrs[name] = value end
  local more = rtype.depends(entry.key, attrs)
  return table.move(more, 1, #more, #ids + 1, ids)
end

-- The last line that each writes into a file of others, and who: { [path\0line] = id }.
local function last_lines(kept, types)
  local lines = {}
  for _, id in ipairs(kept.order) do
    local entry = kept.resources[id]
    local rtype = entry.state and types:get(entry.type)
    local line = rtype and rtype.last_line and rtype.last_line(entry.key, entry.state)
    if line then lines[entry.state.path .. "\0" .. taint.reveal(line) .. "\n"] = id end
  end
  return lines
end

-- Who wrote the line below which this one stood.
local function above(entry, lines)
  local stood = entry.state and entry.state.stood
  return stood and entry.state.path and lines[entry.state.path .. "\0" .. taint.reveal(stood)]
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
  local waits, lines = {}, last_lines(kept, types)
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
    local others = of(kept.resources[id], types)
    others[#others + 1] = above(kept.resources[id], lines)
    for _, other in ipairs(others) do
      if kept.resources[other] and other ~= id then table.insert(waits[id], other) end
    end
    if is_ready(waits[id], placed) then place(id) else waiting[#waiting + 1] = id end
  end
  -- what waits for each other stays as it was
  return table.move(waiting, 1, #waiting, #order + 1, order)
end

return needs
