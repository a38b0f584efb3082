--- What was there before Neap of a resource that is recorded for the first time.

local json = require "neap.core.json"
local difference = require "neap.engine.difference"
local lasting = require "neap.engine.lasting"
local place = require "neap.place"
local parts = require "neap.engine.parts"
local recorded_host = require "neap.engine.recorded"
local shape = require "neap.engine.shape"
local writers = require "neap.engine.writers"

local origins = {}

-- Whether the content of a file is recorded: that it is Neap's as a whole.
local function is_whole(recorded, id, path_of)
  local text = recorded[path_of("file", id:match("^file:(.*)$"))]
  local entry = text and json.decode(text)
  return type(entry) == "table" and type(entry.state) == "table" and entry.state.content ~= nil
end

-- Whether another resource that is recorded stands where this one was found.
local function replaces_ours(resource, before, recorded, path_of)
  if before and before.occupied then return recorded[path_of(before.occupied, resource.key)] ~= nil end
  local only = before and resource.rtype.only
  local other = only and only(before)
  return other and other ~= resource.key and recorded[path_of(resource.type, other)] ~= nil or false
end

--- Whether it came along with another of Neap's, and was not there before.
-- @param text of brought.json, or nil
function origins.came_along(resource, text)
  local brought = text and json.decode(text)
  local names = shape.fits(brought, { "map", { "list", "string" } }) and brought[resource.type] or {}
  for _, name in ipairs(names) do
    if name == resource.key then return true end
  end
  return false
end

-- Whether a link of Neap's leads to where this was found: that is another thing.
local function is_behind_link(path, recorded, path_of)
  for _, dir in ipairs(path:sub(1, 1) == "/" and place.above(path) or {}) do
    if recorded[path_of("symlink", dir)] then return true end
  end
  return false
end

--- What was there before Neap, of a resource that is recorded for the first time, or again by a rollback: then another
-- of Neap's may stand in its place.
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD
-- @param seen see record.host
-- @param path_of function(type, key) -> path of a resource's record
-- @return its state, or false; and whether it was found in, or in place of, what was Neap's
function origins.of(resource, recorded, seen, path_of)
  if origins.came_along(resource, recorded["brought.json"]) then return false, false end
  local old = resource.as_recorded
  local before = lasting.foreign(resource.key, (seen.origins or seen.before)[resource.id], recorded)
  local is_known = before and old and old.genesis ~= nil
  local is_others = is_known and (before.occupied or is_behind_link(resource.key, recorded, path_of))
  if is_others then return old.genesis, old.under end
  local function is_ours(id) return is_whole(recorded, id, path_of) end
  local in_file = parts.is_under(resource, seen.resources or {}, is_ours)
  return before, in_file or replaces_ours(resource, before, recorded, path_of)
end

-- What a rollback records again may still be what had come then, or the package has not brought it again, since it had
-- been deleted.
local function came_then(resource, found)
  local old = resource.as_recorded
  if not (old and old.came and old.genesis) then return nil end
  if found and not difference.same_state(resource.rtype, found, old.genesis, old.genesis) then return nil end
  return { with = old.came, found = found or old.genesis }
end

--- What came with packages of Neap's: { with = their ids, found = attrs }, or nil.
-- @param found what origins.of gave
function origins.came(resource, found, recorded, seen)
  local owned = found and seen.owned and seen.owned[resource.id]
  if owned then return { with = owned, found = found } end
  local came = not found and seen.came and seen.came[resource.id]
  if not came or not came.found then return came_then(resource, found) end
  return { with = came.with, found = lasting.foreign(resource.key, came.found, recorded) }
end

-- Notes who writes the lines of a recorded resource, and what was there before it.
local function note_entry(lines, was, rtype, entry, state)
  local key, genesis = entry.key, writers.known(rtype, entry.key, entry.genesis)
  if genesis then writers.add(was, rtype, key, genesis, { stood = genesis.stood }) end
  local attrs = state and writers.known(rtype, key, difference.overlay(entry.options, state))
  if not attrs then return end
  writers.add(lines, rtype, key, attrs, { rtype = rtype, key = key, stood = state.stood, genesis = genesis })
end

-- Who has written which line of the files of others, as it was found now or is recorded (see writers.lua), and what
-- was there before; and which lines this run has found that it may take away.
local function lines_of(recorded, found, about)
  local lines, was = {}, {}
  for _, resource in ipairs(about.resources or {}) do
    local rtype, state = resource.rtype, found[resource.id]
    local who = state and state.stood and { rtype = rtype, key = resource.key, stood = state.stood }
    if who then writers.add(lines, rtype, resource.key, state, who) end
  end
  local function says(bytes) return bytes and bytes:find('"stood"', 1, true) end
  for path, bytes in pairs(recorded) do
    local may_say = path:find("^resources/") and (says(bytes) or says(recorded["genesis/" .. path]))
    local entry = may_say and recorded_host.resource(recorded, path, about.host, about.key)
    local rtype = entry and about.types:get(entry.type)
    if rtype then
      local state = found[entry.id]
      if state == nil then state = entry.state end
      note_entry(lines, was, rtype, entry, state)
    end
  end
  return lines, was
end

--- What was there before Neap, such that a line comes back to its place whether Neap's own are above it then or not.
-- @param state what origins.of gave
-- @param recorded as there
-- @param found { [id] = attrs|false } what this run found first
-- @param about { host = name, key = of the project, types = where resource types are found, resources = of this run }
function origins.placed(resource, state, recorded, found, about)
  if not (state and state.stood and about.types) then return state end
  local lines, was = lines_of(recorded, found, about)
  local placed = {}
  for name, value in pairs(state) do placed[name] = value end
  placed.stood, placed.apart = writers.stood(lines, was, resource.rtype, resource.key, state)
  return placed
end

-- The file that was made for a part, by the record of what was there before that: its path, or nil.
local function made_file(recorded, path)
  local genesis, entry = json.decode(recorded[path]), json.decode(recorded[path:gsub("^genesis/", "")] or "null")
  local around = type(genesis) == "table" and genesis.around
  if type(around) ~= "table" or around.file ~= false or type(entry) ~= "table" then return nil end
  for _, attrs in ipairs { entry.state or false, entry.options or false } do
    if type(attrs) == "table" and attrs.path then return attrs.path end
  end
end

-- Whether a file that was not there before Neap goes to that in this run, and a part of it makes it again.
local function goes(path, resources)
  for _, one in ipairs(path and resources or {}) do
    if one.id == "file:" .. path and one.leaves and one.absent then return true end
  end
  return false
end

--- What is around a thing that was not there, as its probe said; a file that was made for another part of it was not
-- there before Neap, either.
-- @param found what the probe said, or nil
-- @param resources of the run
function origins.around(resource, found, recorded, resources)
  local path = not found and resource.rtype.inside and resource.rtype.inside(resource.key, resource.attrs)
  if goes(path, resources) then return { file = false } end
  for other, bytes in pairs(path and recorded or {}) do
    local may_say = other:find("^genesis/resources/") and bytes:find('"around"', 1, true)
    if may_say and made_file(recorded, other) == path then return { file = false } end
  end
  return found
end

return origins
