--- What goes to what was before Neap, and is another's business in the end.
--
--     directory /d   purged `x` once, and comes back with it
--     file /d/x      came after that, and goes to what it found, nothing: it makes way
--
--     symlink /d     takes the place of a directory
--     file /d/f      goes before that: what is there by that path then lies elsewhere
--
--     file /f        goes to what it found
--     line in /f     is wanted, or goes too, and is written into that
--
--     file /f        goes, and was not there before
--     line in /f     is wanted, and makes it again
--
-- It is looked at no more after that, and its record goes.

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

-- Set of the paths where a link will stand and none has stood.
local function new_links(list, now)
  local paths = {}
  for _, resource in ipairs(list) do
    local known = now.resources[resource.id]
    local was_there = known and known.state and not known.state.occupied
    if resource.rtype.leads and not resource.absent and not was_there then paths[resource.key] = true end
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

-- Sets of the files, by id, that others write a part of; and of those that one of these makes.
local function written_into(list)
  local ids, made = {}, {}
  for _, resource in ipairs(list) do
    local entry = resource.absent and resource.before
    local attrs = entry and (entry.state or entry.genesis) or resource.attrs
    local path = resource.rtype.inside and resource.rtype.inside(resource.key, attrs or {})
    if path then
      ids["file:" .. path] = true
      if not resource.absent and resource.attrs.create then made["file:" .. path] = true end
    end
  end
  return ids, made
end

local function is_covered(resource, roots, files, links, made)
  if not resource.absent then return files[resource.id] end
  if made[resource.id] then return true end
  for _, path in ipairs(recorded.paths_of(resource)) do
    if is_below(path, roots) or is_below(path:match("^(.*)/"), links) then return true end
  end
end

--- Marks them: `covered` in the resources that go to what was before Neap.
-- @param list all resources of the run
-- @param now of recorded.host()
function covered.mark(list, now)
  local roots, links = returning(list), new_links(list, now)
  local files, made = written_into(list)
  for _, resource in ipairs(list) do
    if resource.leaves and is_covered(resource, roots, files, links, made) then resource.covered = true end
  end
end

return covered
