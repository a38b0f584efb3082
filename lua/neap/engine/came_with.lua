--- What comes with a package of the same run, or has come with one of an earlier run (see owned.lua): that is what was
-- there before, as long as the package is there.
--
--     package "p"             before Neap: nothing
--     file "/etc/p.conf"      before Neap: nothing; before the run touched it: what the package brings
--
-- What the package brings is recorded as what was there before Neap, and with whom it came (`came`). A way back goes to
-- that where one of these is there in the end, and else to nothing.

local recorded = require "neap.engine.recorded"

local came_with = {}

-- The ids of the packages that bring what a resource is, or is a part of; or nil.
local function with_whom(resource, model)
  local inside = resource.rtype.inside and resource.rtype.inside(resource.key, resource.attrs)
  if inside then return model:came_with_whom(inside) end
  for _, path in ipairs(resource.key:sub(1, 1) == "/" and recorded.paths_of(resource) or {}) do
    local ids = model:came_with_whom(path)
    if ids then return ids end
  end
end

--- Looks, once the model knows what a transaction brings, at what comes later and was not there: noted in `self.came`,
-- by id, as { with = ids, found = attrs | false | nil where that is not known before the apply }.
-- @param self the plan's
-- @param resources, jobs parallel lists of what is planned
-- @param from the place behind the transaction
-- @param look function(list of resources) -> jobs
function came_with.note(self, resources, jobs, from, look)
  local list, ids = {}, {}
  for i = from, #resources do
    local resource = resources[i]
    local is_new = not (jobs[i].found or resource.leaves or self.came[resource.id])
    local with = is_new and with_whom(resource, self.model)
    if with then
      list[#list + 1], ids[#ids + 1] = resource, with
    end
  end
  for i, job in ipairs(list[1] and look(list) or {}) do
    local found = job.found or false
    if job.unknown then found = nil end
    self.came[list[i].id] = not job.error and { with = ids[i], found = found } or nil
    self.around[list[i].id] = nil -- the file is the package's
  end
end

--- What a host had recorded, as it was before Neap for a way back.
-- @param now of recorded.host()
-- @param is_there function(id of a package) -> whether it is there in the end
function came_with.settle(now, is_there)
  local resources = {}
  for id, entry in pairs(now.resources) do
    local stays = not entry.came
    for _, package in ipairs(entry.came or {}) do stays = stays or is_there(package) end
    resources[id] = stays and entry or setmetatable({ genesis = false }, { __index = entry })
  end
  return setmetatable({ resources = resources }, { __index = now })
end

-- The ids of the packages with which came what a resource goes back to.
local function came_of(resource) return resource.leaves and resource.before and resource.before.came or {} end

--- Whether a resource goes back to what a package has brought that comes again in this plan, and brings it then.
-- @param coming set of the ids of packages that come
function came_with.is_to_come(resource, coming)
  for _, id in ipairs(came_of(resource)) do
    if coming[id] then return true end
  end
  return false
end

--- Whether a resource goes back to what a package has brought that changes its version in this plan: it brings its own
-- then, also where a configuration file is as it was once.
-- @param changed { [id] = change } of the plan
function came_with.is_renewed(resource, changed)
  for _, id in ipairs(resource.rtype.triggers and {} or came_of(resource)) do
    local change = changed[id]
    if change and change.kind == "update" and change.differs.version then return true end
  end
  return false
end

return came_with
