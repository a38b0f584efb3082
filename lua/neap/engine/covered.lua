--- What goes where another brings back what it stood in the place of.
--
--     directory /d   purged `x` once, and comes back with it
--     file /d/x      came after that, and goes to what it found: nothing
--
-- It makes way. What is there in the end is the other's business: it is looked at no more, and its record goes.

local recorded = require "neap.engine.recorded"

local covered = {}

-- Set of the paths right below directories that come back with what was taken out of them.
local function returning(list)
  local paths = {}
  for _, resource in ipairs(list) do
    local names = not resource.absent and not resource.attrs.purge and resource.attrs.surplus
    for _, name in ipairs(names or {}) do paths[resource.key .. "/" .. name] = true end
  end
  return paths
end

local function is_below(path, roots)
  while path and path ~= "" do
    if roots[path] then return true end
    path = path:match("^(.*)/[^/]*$")
  end
  return false
end

--- Marks them: `covered` in the resources that go to what was before Neap.
-- @param list all resources of the run
function covered.mark(list)
  local roots = returning(list)
  for _, resource in ipairs(next(roots) and list or {}) do
    if resource.leaves and resource.absent then
      for _, path in ipairs(recorded.paths_of(resource)) do
        resource.covered = resource.covered or is_below(path, roots)
      end
    end
  end
end

return covered
