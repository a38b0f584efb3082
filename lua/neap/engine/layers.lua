--- One thing by two resources, one after the other, where neither stands in the place of the other as a whole (those:
-- lineage.lua): a host's name and then its file, a timer and then its unit, an address and then a line in /etc/hosts.
--
--     hostname "a"            before Neap: the name of then
--     file "/etc/hostname"    over hostname:a    before that one: "a"
--
-- On a way back
--
--     both go, or the name is wanted   first the file, to what it found; then the name
--     the file is wanted               first the name, to what was before Neap; what the file finds then was before it
--
-- The one that comes first is not looked at afterwards (`covered`): what is there then is the other's.

local difference = require "neap.engine.difference"
local entry_of = require "neap.engine.entry"
local frozen = require "neap.engine.frozen"
local json = require "neap.core.json"
local lineage = require "neap.engine.lineage"
local recorded_host = require "neap.engine.recorded"
local writers = require "neap.engine.writers"

local layers = {}

-- Whether a type says of its resources by which paths they are there.
local function has_paths(rtype) return rtype and (rtype.paths ~= nil or rtype.key == "path") end

-- Its paths, and where they lead (see same.lua).
local function all_paths(resource)
  local paths, at = recorded_host.paths_of(resource), resource.at
  return at and table.move(at, 1, #at, #paths + 1, table.move(paths, 1, #paths, 1, {})) or paths
end

--- Whether one of two that lie at one path lies over the other, since neither stands in the other's place.
function layers.overlap(one, other) return one.id ~= other.id and not lineage.may_replace(one, other) end

-- What is recorded of a host, by what may lie below something; of each set of records that is looked for once:
-- { places = names of types whose key is their path, placed = { { id, type, rtype, key, paths } … } of what lies
-- elsewhere, parts = paths of the records of types that write lines }
local known = setmetatable({}, { __mode = "k" })

local function placed_of(path, recorded, rtype)
  local entry, first = json.decode(recorded[path]), recorded["genesis/" .. path]
  if not entry_of.is(entry) then return nil end
  local attrs = difference.overlay(entry.options or {}, entry.state and entry.state ~= json.null and entry.state or {})
  local one = { id = entry.type .. ":" .. entry.key, type = entry.type, rtype = rtype, key = entry.key, attrs = attrs }
  one.at = first and json.decode(first).at
  one.paths = all_paths(one)
  return one
end

-- Whether a path of what is recorded there leads elsewhere.
local function leads(path, recorded)
  local first = recorded["genesis/" .. path]
  return first and first:find('"at"', 1, true) ~= nil
end

local function index_of(recorded, types)
  local index = known[recorded]
  if index then return index end
  local places = {}
  index = { places = {}, placed = {}, parts = {} }
  for path in pairs(recorded) do
    local name = path:match("^resources/([^/]+)/")
    local rtype = name and types:get(name)
    if rtype and rtype.paths then
      table.insert(index.placed, placed_of(path, recorded, rtype))
    elseif has_paths(rtype) then
      places[name] = true
      if leads(path, recorded) then table.insert(index.placed, placed_of(path, recorded, rtype)) end
    elseif rtype and rtype.last_line then
      table.insert(index.parts, path)
    end
  end
  index.places = frozen.keys(places)
  table.sort(index.placed, function(one, other) return one.id < other.id end)
  table.sort(index.parts)
  known[recorded] = index
  return index
end

-- The one that lies at one of the paths of a resource, or nil.
local function at_path(resource, recorded, index, types)
  local paths = {}
  for _, path in ipairs(has_paths(resource.rtype) and all_paths(resource) or {}) do
    paths[path] = true
    for _, name in ipairs(index.places) do
      local one = { id = name .. ":" .. path, rtype = types:get(name), key = path }
      if recorded[entry_of.path(name, path)] and layers.overlap(one, resource) then return one.id end
    end
  end
  for _, one in ipairs(next(paths) and index.placed or {}) do
    for _, path in ipairs(layers.overlap(one, resource) and one.paths or {}) do
      if paths[path] then return one.id end
    end
  end
end

-- The one that has written one of the lines that were found, or nil.
local function at_line(resource, found, recorded, index, about)
  local lines = {}
  if found then writers.add(lines, resource.rtype, resource.key, found, true) end
  for _, path in ipairs(next(lines) and index.parts or {}) do
    local entry = recorded_host.resource(recorded, path, about.host, about.key)
    local rtype, own = about.types:get(entry.type), {}
    local attrs = entry.id ~= resource.id and entry.state and
      writers.known(rtype, entry.key, difference.overlay(entry.options, entry.state))
    if attrs then writers.add(own, rtype, entry.key, attrs, true) end
    for line in pairs(own) do
      if lines[line] then return entry.id end
    end
  end
end

--- The id of the resource that has made what a resource has found that is recorded for the first time, or nil.
-- @param found what was there: attrs, or false
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD
-- @param about { host = name, key = of the project, types = where resource types are found, or nil }
function layers.below(resource, found, recorded, about)
  if not about.types or not (has_paths(resource.rtype) or found and resource.rtype.last_line) then return nil end
  local index = index_of(recorded, about.types)
  return at_path(resource, recorded, index, about.types) or at_line(resource, found, recorded, index, about)
end

--- Whether what is recorded for the first time takes the place of what is recorded there as another kind of thing.
-- @param recorded, about of layers.below()
function layers.takes_place(resource, recorded, about)
  if not about.types or not resource.rtype.attributes.occupied then return false end
  for _, name in ipairs(index_of(recorded, about.types).places) do
    local one = { rtype = about.types:get(name), key = resource.key }
    local is_there = name ~= resource.type and recorded[entry_of.path(name, resource.key)]
    if is_there and lineage.may_replace(one, resource) then return true end
  end
  return false
end

--- Of what is wanted, what lies over others: { [id of the one below] = resource }.
-- @param now of recorded.host()
function layers.above(wanted, now)
  local above = {}
  for _, resource in ipairs(wanted) do
    local entry = now.resources[resource.id]
    if entry and entry.over then above[entry.over] = resource end
  end
  return above
end

--- Whether something that is wanted lies over a recorded resource, or under it, or will.
-- @param entry of recorded.host()
-- @param wanted list of what is wanted
-- @param now of recorded.host()
function layers.is_shared(entry, rtype, wanted, now)
  local one, paths = { id = entry.id, rtype = rtype, key = entry.key }, {}
  one.attrs = difference.overlay(entry.options, entry.state or {})
  for _, path in ipairs(has_paths(rtype) and recorded_host.paths_of(one) or {}) do paths[path] = true end
  for _, resource in ipairs(wanted) do
    local is = now.resources[resource.id]
    if entry.over == resource.id or is and is.over == entry.id then return true end
    local own = has_paths(resource.rtype) and not resource.absent and layers.overlap(one, resource)
    for _, path in ipairs(own and recorded_host.paths_of(resource) or {}) do
      if paths[path] then return true end
    end
  end
  return false
end

--- The one that is wanted and lies over one that goes, or under it; nil where there is none.
-- @param resource that goes, and its entry of recorded.host()
-- @param owner the one that is wanted and lies at one of its paths, or nil
-- @param wanted { [id] = resource } of what is wanted
-- @param above of layers.above()
function layers.other(resource, entry, owner, wanted, above)
  local other = entry.over and wanted[entry.over] or above[entry.id]
  return other or owner and layers.overlap(owner, resource) and owner or nil
end

--- A resource comes after another, by its id, beside what it comes after anyway.
function layers.wait(resource, id)
  local needed = resource.needs or {}
  resource.needs = table.move(needed, 1, #needed, 2, { id })
end

--- One that goes, before one that is wanted and lies over it or under it.
-- @param before the one that goes
-- @param after the one that is wanted
function layers.cover(before, after, now)
  before.covered = true
  layers.wait(after, before.id)
  local is = now.resources[after.id]
  if is and is.over == before.id then after.found_by = before end
end

-- Of those of a list that lie over others of it, pairs { above, below }.
local function pairs_of(list, state)
  local by_id, found = {}, {}
  for _, resource in ipairs(list) do by_id[resource.id] = resource end
  for _, resource in ipairs(list) do
    local entry = state.resources[resource.id]
    local below = entry and entry.over and by_id[entry.over]
    if below then found[#found + 1] = { above = resource, below = below } end
  end
  return found
end

--- Those that are wanted as they were recorded: what lies over another comes after that, and is what is there then; the
-- other is what it is by that (`beneath`).
-- @param list resources
-- @param state of recorded.host(), of then
function layers.stack(list, state)
  for _, pair in ipairs(pairs_of(list, state)) do
    pair.below.beneath = true
    layers.wait(pair.above, pair.below.id)
  end
end

--- Those that go, each before the one that goes, too, and over which it lies.
-- @param list resources
-- @param now of recorded.host()
function layers.settle(list, now)
  for _, pair in ipairs(pairs_of(list, now)) do
    pair.above.covered = true
    layers.wait(pair.below, pair.above.id)
  end
end

return layers
