--- The directories that are made on the way to a thing, where no resource makes them: they go with it, when nothing is
-- left in them.
--
--     release "/srv/z/rel"    before Neap: nothing, around it two directories missing: /srv/z/rel and /srv/z
--
-- How many there are is recorded with what was there before Neap (`around`, see docs/writing-types.md).
local directory_back = require "neap.directory_back"
local mounts = require "neap.mounts"
local place = require "neap.place"
local sh = require "neap.sh"

local made_above = {}

--- What a probe says of what is around a thing in a directory: { directories = how many of it and those above it are
-- missing }, or nil.
function made_above.around(host, directory)
  local missing, dirs = 0, { directory, table.unpack(place.above(directory)) }
  for _, dir in ipairs(dirs) do host:expect("stat", dir) end
  for _, dir in ipairs(dirs) do
    if host:stat(dir) then break end
    missing = missing + 1
  end
  return missing > 0 and { directories = missing } or nil
end

-- Those that were missing, nearest first.
local function recorded(resource, directory)
  local around = resource.leaves and resource.before and resource.before.around
  local count = around and math.tointeger(around.directories) or 0
  return count > 0 and table.move({ directory, table.unpack(place.above(directory)) }, 1, count, 1, {}) or {}
end

local function is_one_of(path, roots)
  for _, root in ipairs(roots) do
    if path == root or place.lies_in(path, root) then return true end
  end
  return false
end

-- Whether a directory is a resource's, or one that is there in the end lies in it.
local function is_needed(directory, own, back)
  for _, keys in pairs(back.staying or {}) do
    for _, key in ipairs(keys) do
      if key == directory or place.lies_in(key, directory) and not is_one_of(key, own) then return true end
    end
  end
  for _, key in ipairs(back.leaving and back.leaving.directory or {}) do -- it goes by that
    if key == directory then return true end
  end
  return false
end

-- Whether nothing will be in a directory but what goes now.
local function is_left_empty(host, directory, going, model)
  for _, name in ipairs(directory_back.left_in(host, directory, model)) do
    if not is_one_of(directory .. "/" .. name, going) then return false end
  end
  local dir, name = place.split(directory)
  return not mounts.on(host, dir, { name })
end

--- Those that go with it, nearest first.
-- @param resource that goes to what was before Neap
-- @param own paths of it in the directory, which go before
-- @param back, model of a type's way back
function made_above.going(host, directory, resource, own, back, model)
  local list, going = {}, table.move(own, 1, #own, 1, {})
  for _, dir in ipairs(recorded(resource, directory)) do
    if is_needed(dir, own, back) or not is_left_empty(host, dir, going, model) then break end
    list[#list + 1], going[#going + 1] = dir, dir
  end
  return list
end

--- The end of a script that takes them away; one in which there is something by now stays.
function made_above.remove(list)
  local lines = {}
  for i, directory in ipairs(list) do
    local dir, name = place.split(directory)
    lines[i] = sh('( enter %s; rmdir -- "./"%s ) 2>/dev/null || exit 0\n', dir, name)
  end
  return table.concat(lines)
end

return made_above
