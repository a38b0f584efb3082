--- -t: only resources that have one of these tags, `-t web -t db` or `-t web,db`.
local fault = require "neap.engine.fault"
local near = require "neap.near"

local tags = {}

--- The tags that are asked for, as a list, or nil where all resources are.
-- @param said what -t says
function tags.asked(said)
  if not said then return nil end
  local list = {}
  for tag in table.concat(said, ","):gmatch("[^,]+") do list[#list + 1] = tag end
  return list
end

local function has_one(resource, list)
  for _, tag in ipairs(resource.meta.tags or {}) do
    for _, name in ipairs(list) do
      if tag == name then return true end
    end
  end
  return false
end

--- Of a list of resources, those that are asked for.
-- @param said what -t says, or nil: all
function tags.only(resources, said)
  local names = tags.asked(said)
  if not names then return resources end
  local list = {}
  for _, resource in ipairs(resources) do
    if has_one(resource, names) then list[#list + 1] = resource end
  end
  return list
end

--- Keeps in the set `seen` which tags there are, where some are asked for.
function tags.note(seen, resources, said)
  for _, resource in ipairs(said and resources or {}) do
    for _, tag in ipairs(resource.meta.tags or {}) do seen[tag] = true end
  end
end

--- Raises a fault where none of the hosts has a resource that is asked for: the tag is misspelt, and "nothing differs"
-- would be said of nothing.
-- @param seen see tags.note
function tags.check(seen, hosts, said)
  for _, host in ipairs(said and hosts or {}) do
    if host.status ~= "ok" or host.resources > 0 then return end
  end
  local names = tags.asked(said)
  if not names or not hosts[1] then return end
  fault.raise("usage", nil, "no resource of these hosts has the tag '%s'%s", table.concat(names, "' or '"),
    #names == 1 and near.hint(names[1], seen) or "")
end

return tags
