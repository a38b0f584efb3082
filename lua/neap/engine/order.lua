--- The order in which a host's resources are looked at and changed.
-- As declared, except where a resource must come after a later one: then that one, with all it needs, is drawn
-- forward. Resources of a batching type (packages) are put together into as few transactions as what is declared
-- allows, each where its first member stands.
--
--     declared   file a · package x · service x · repo r · package y (needs r)
--     ordered    file a · repo r · [package x, package y] · service x
local fault = require "neap.engine.fault"

local order = {}

-- needs[i] = list of indices that come before i.
local function index_needs(list)
  local index, needs = {}, {}
  for i, resource in ipairs(list) do index[resource.id] = i end
  for i, resource in ipairs(list) do
    local before = {}
    for _, id in ipairs(resource.needs) do before[#before + 1] = index[id] end
    needs[i] = before
  end
  return needs
end

local function say_cycle(list, path, first)
  local steps = {}
  for i = first, #path do
    local resource = list[path[i]]
    steps[#steps + 1] = ("%s (%s)"):format(resource.id, resource.where or "?")
  end
  steps[#steps + 1] = list[path[first]].id
  fault.raise("playbook", list[path[first]].where, "the order is a circle: %s",
    table.concat(steps, " needs "))
end

-- Depth first in declared order, each node after what it needs. `on_circle(path, first)` must not return.
local function walk(count, needs, emit, on_circle)
  local state, path = {}, {}
  local function visit(i)
    if state[i] == "done" then return end
    if state[i] then on_circle(path, state[i]) end
    path[#path + 1] = i
    state[i] = #path
    for _, j in ipairs(needs[i]) do visit(j) end
    path[#path] = nil
    state[i] = "done"
    emit(i)
  end
  for i = 1, count do visit(i) end
end

-- How many transactions of `rtype` must be over before each node can start.
local function levels(nodes, needs, rtype)
  local level = {}
  walk(#nodes, needs, function(i)
    local most = 0
    for _, j in ipairs(needs[i]) do
      most = math.max(most, level[j] + (nodes[j].rtype == rtype and 1 or 0))
    end
    level[i] = most
  end)
  return level
end

-- Nodes of `rtype` with the same level become one node; the others stay.
local function contract(nodes, needs, rtype)
  local level, made, group_of, to = levels(nodes, needs, rtype), {}, {}, {}
  for i, node in ipairs(nodes) do
    local into = node.rtype == rtype and group_of[level[i]]
    if not into then
      into = #made + 1
      made[into] = { rtype = node.rtype, members = {}, batch = node.batch or node.rtype == rtype }
      if node.rtype == rtype then group_of[level[i]] = into end
    end
    to[i] = into
    for _, member in ipairs(node.members) do table.insert(made[into].members, member) end
  end
  local joined = {}
  for i = 1, #made do joined[i] = {} end
  for i, list in ipairs(needs) do
    for _, j in ipairs(list) do
      if to[j] ~= to[i] then table.insert(joined[to[i]], to[j]) end
    end
  end
  return made, joined
end

local function batch_types(list)
  local types, seen = {}, {}
  for _, resource in ipairs(list) do
    local rtype = resource.rtype
    if rtype and rtype.batch and not seen[rtype] then
      seen[rtype] = true
      types[#types + 1] = rtype
    end
  end
  return types
end

-- Whether each stands behind what it needs already.
local function is_sorted(needs)
  for i, before in ipairs(needs) do
    for _, j in ipairs(before) do
      if j >= i then return false end
    end
  end
  return true
end

--- Sorts resources; each has id, where, rtype and needs (ids of declared resources that come before it).
-- Sets `transaction` (a number) on the members of each batch. Raises a fault that names a circle.
-- @return a new list
function order.sort(list)
  local needs, batching = index_needs(list), batch_types(list)
  if not batching[1] and is_sorted(needs) then return table.move(list, 1, #list, 1, {}) end
  walk(#list, needs, function() end, function(path, first) say_cycle(list, path, first) end)
  local nodes = {}
  for i, resource in ipairs(list) do nodes[i] = { rtype = resource.rtype, members = { i } } end
  for _, rtype in ipairs(batching) do nodes, needs = contract(nodes, needs, rtype) end
  local sorted, transactions = {}, 0
  walk(#nodes, needs, function(i)
    local node = nodes[i]
    if node.batch then transactions = transactions + 1 end
    for _, member in ipairs(node.members) do
      sorted[#sorted + 1] = list[member]
      list[member].transaction = node.batch and transactions or nil
    end
  end)
  return sorted
end

return order
