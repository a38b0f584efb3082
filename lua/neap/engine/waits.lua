--- Hosts that wait for each other: what is waited for must be declared there, and nobody may wait in a circle.
-- A host does its resources one after the other, so to wait for a resource is to wait for all that stand before it.
local fault = require "neap.engine.fault"
local near = require "neap.near"

local waits = {}

local function place_of(desired)
  local at = {}
  for i, resource in ipairs(desired.list) do at[resource.id] = i end
  return at
end

-- What a resource waits for on other hosts of this run, as { host, index }. What the run leaves out (by its tags) is
-- not waited for.
local function edges_of(by_host, resource, faults)
  local edges = {}
  for _, wait in ipairs(resource.meta.wait or {}) do
    local other = by_host[wait.host]
    if other and other.at[wait.id] then
      edges[#edges + 1] = { wait.host, other.at[wait.id] }
    elseif other and not other.desired.by_id[wait.id] and not other.desired.recorded then
      faults[#faults + 1] = fault.new("playbook", resource.where,
        "%s waits for '%s' on host '%s', which does not declare it%s", resource.id, wait.id, wait.host,
        near.hint(wait.id, other.at))
    end
  end
  return edges
end

local function say_circle(by_host, path, first)
  local steps = {}
  for i = first, #path do
    local host, index = path[i][1], path[i][2]
    local resource = by_host[host].desired.list[index]
    if #(resource.meta.wait or {}) > 0 then
      steps[#steps + 1] = ("%s on %s (%s)"):format(resource.id, host, resource.where)
    end
  end
  return fault.new("playbook", nil, "hosts wait for each other in a circle: %s", table.concat(steps, " waits before "))
end

local function walk(by_host, names, faults)
  local state, path = {}, {}
  local function visit(host, index)
    local key = host .. "\0" .. index
    if state[key] == "done" then return false end
    if state[key] then
      faults[#faults + 1] = say_circle(by_host, path, state[key])
      return true
    end
    path[#path + 1] = { host, index }
    state[key] = #path
    if index > 1 and visit(host, index - 1) then return true end
    for _, edge in ipairs(by_host[host].edges[index]) do
      if visit(edge[1], edge[2]) then return true end
    end
    path[#path] = nil
    state[key] = "done"
  end
  for _, name in ipairs(names) do
    if #by_host[name].edges > 0 and visit(name, #by_host[name].edges) then return end
  end
end

--- Looks at the desired states of all hosts of a run together.
-- @param desireds list of what evaluate.host returned
-- @return list of faults
function waits.check(desireds)
  local by_host, names, faults, any = {}, {}, {}, false
  for i, desired in ipairs(desireds) do
    names[i] = desired.host.name
    by_host[names[i]] = { desired = desired, at = place_of(desired), edges = {} }
  end
  for _, name in ipairs(names) do
    local host = by_host[name]
    for i, resource in ipairs(host.desired.list) do
      host.edges[i] = edges_of(by_host, resource, faults)
      any = any or #host.edges[i] > 0
    end
  end
  if any then walk(by_host, names, faults) end
  return faults
end

return waits
