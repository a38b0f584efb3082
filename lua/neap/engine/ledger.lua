--- The lists that are kept of a host, beside the records of its resources:
-- their order, and what came along with them.

local json = require "neap.core.json"
local shape = require "neap.engine.shape"

local ledger = {}

-- Lists that cannot be read are begun anew.
local function list_of(text, spec)
  local value = text and json.decode(text)
  return shape.fits(value, spec) and value or {}
end

-- The ids that this run leaves recorded, in its order; and those whose
-- records go.
local function recorded_ids(resources, observed)
  local order, left = {}, {}
  for _, resource in ipairs(resources) do
    if resource.left then
      left[resource.id] = true
    elseif observed[resource.id] ~= nil then
      order[#order + 1] = resource.id
    end
  end
  return order, left
end

local function place_after(order, previous)
  for i, id in ipairs(order) do
    if id == previous then return i + 1 end
  end
  return 1
end

--- The text of order.json: ids in the order of this run; those that it was not
-- about stay behind what they stood behind, but for those that came with something of it: they come last.
-- @param old its text so far, or nil
-- @param resources of the run, in order
-- @param observed what was seen of them, by id
-- @param came set of the ids of what was absent, and is there by this run though it was not about it
function ledger.order(old, resources, observed, came)
  local order, left = recorded_ids(resources, observed)
  local known, last, previous = {}, {}, nil
  for _, id in ipairs(order) do known[id] = true end
  for _, id in ipairs(list_of(old, { "list", "string" })) do
    if came[id] then
      last[#last + 1] = id
    elseif not known[id] and not left[id] then
      table.insert(order, place_after(order, previous), id)
      known[id] = true
    end
    if known[id] then previous = id end
  end
  table.move(last, 1, #last, #order + 1, order)
  return json.encode(json.array(order), { indent = 2 }) .. "\n"
end

--- The text of brought.json: by type the names of what came along with its
-- resources and was not asked for; nil where there is none.
-- @param news { [type] = { [name] = true (came) | false (went) } } or nil
function ledger.brought(old, news)
  local brought = list_of(old, { "map", { "list", "string" } })
  for rtype, names in pairs(news or {}) do
    local set, list = {}, {}
    for _, name in ipairs(brought[rtype] or {}) do set[name] = true end
    for name, is_there in pairs(names) do set[name] = is_there or nil end
    for name in pairs(set) do list[#list + 1] = name end
    table.sort(list)
    brought[rtype] = #list > 0 and json.array(list) or nil
  end
  return next(brought) and json.encode(brought, { indent = 2 }) .. "\n" or nil
end

return ledger
