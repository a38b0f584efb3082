--- One file by two paths, with a link on the way.
--
--     /srv/alias -> real    file "/srv/real/f"    file "/srv/alias/f"
--
-- Where a link leads is asked together with all else that a plan asks. What is planned by one of the paths is then seen
-- by the other (see model.lua), and it is recorded where such a path leads (`at`), so that a later run knows which of
-- two was there first (see layers.lua).

local place = require "neap.place"
local recorded = require "neap.engine.recorded"

local same = {}

--- What asks where the directories of these resources are.
-- @return function(host), or nil where there is nothing to ask
function same.question(resources)
  local dirs, seen = {}, {}
  for _, resource in ipairs(resources) do
    for _, path in ipairs(recorded.places_of(resource)) do
      local dir = place.is_path(path) and place.split(path)
      if dir and not seen[dir] then
        seen[dir] = true
        dirs[#dirs + 1] = dir
      end
    end
  end
  return dirs[1] and function(host)
    for _, dir in ipairs(dirs) do host:expect("real", dir) end
    return host:real(dirs[1])
  end
end

local function real_of(path, answers)
  local dir, name = place.split(path)
  local real = dir and answers[dir] and answers[dir].answer
  return real and (real == "/" and "/" or real .. "/") .. name or path
end

--- Notes `at` in resources whose paths lead elsewhere.
-- @param answers of the question `real`, by directory
-- @return { [path] = where it is } of those; and { [id] = { other resources of the same file by another path } }
function same.find(resources, answers)
  local real, by_real, others = {}, {}, {}
  for _, resource in ipairs(resources) do
    resource.at = nil
    for _, path in ipairs(recorded.places_of(resource)) do
      local at = real_of(path, answers)
      if at ~= path then
        real[path] = at
        resource.at = resource.at or {}
        table.insert(resource.at, at)
      end
      by_real[at] = by_real[at] or {}
      table.insert(by_real[at], { resource = resource, path = path })
    end
  end
  for _, list in pairs(next(real) and by_real or {}) do
    for _, one in ipairs(list) do
      for _, other in ipairs(list) do
        local id = one.resource.id
        if one.path ~= other.path then
          others[id] = others[id] or {}
          table.insert(others[id], other.resource)
        end
      end
    end
  end
  return real, others
end

return same
