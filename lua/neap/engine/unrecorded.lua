--- What a way back would write over that nothing is recorded of now: Neap has let go of it since it was recorded, and
-- what is there may be somebody else's.
--
--     as it was before Neap at that time    it went back to that: the ordinary way
--     as it is wanted                       nothing is written over
--     what is recorded by another name      Neap's own: another kind of thing at that path, a file for a part of it
--     anything else                         somebody else's
--
-- Where it cannot be told it is taken for Neap's: of what a package may have brought, or what was found in a thing of
-- Neap's and not before Neap.

local difference = require "neap.engine.difference"
local lineage = require "neap.engine.lineage"
local place = require "neap.place"
local plan = require "neap.engine.plan"
local recorded = require "neap.engine.recorded"
local writers = require "neap.engine.writers"

local unrecorded = {}

local function has_brought(now, rtype, key)
  for _, name in ipairs(now.brought and now.brought[rtype] or {}) do
    if name == key then return true end
  end
  return false
end

local function is_there(now, id)
  local entry = now.resources[id]
  return entry ~= nil and entry.state ~= nil and entry.state ~= false
end

-- The packages that Neap has brought and that are there: a set of names.
local function packages_of(now)
  local names = {}
  for id, entry in pairs(now.resources) do
    local is_ours = entry.type == "package" and entry.state and not entry.genesis
    if is_ours then names[id:match("^package:([^:]*)")] = true end
  end
  for _, name in ipairs(now.brought and now.brought.package or {}) do names[name] = true end
  return names
end

local function paths_of(resource, entry)
  local paths = {}
  for _, list in ipairs { recorded.places_of(resource), not resource.rtype.inside and entry.at or {} } do
    table.move(list, 1, #list, #paths + 1, paths)
  end
  return paths
end

-- Whether what was there before Neap is known, and was not Neap's itself or a package's, which leaves its configuration
-- behind when it goes.
local function is_known(resource, now)
  local entry = resource.as_recorded
  if entry.genesis == nil or entry.under or entry.over or entry.came then return false end
  return not has_brought(now, resource.type, resource.key)
end

-- Whether it lies in a directory that was there before Neap, and from which something was taken away: that comes back
-- with it.
local function may_have_returned(paths, asked)
  for _, directory in ipairs(asked) do
    local entry = directory.type == "directory" and directory.as_recorded
    local genesis, first = entry and entry.genesis, entry and entry.first or {}
    local has_taken = genesis and (genesis.surplus or first.surplus or entry.options.force)
    for _, path in ipairs(has_taken and paths or {}) do
      if place.lies_in(path, directory.key) then return true end
    end
  end
  return false
end

-- Whether it may have come with something of Neap's that has no path to tell it by: an account with its package, a
-- group with its user.
local function may_have_come(resource, paths, now, packages)
  if paths[1] or resource.type == "package" or resource.as_recorded.genesis then return false end
  return next(packages) ~= nil or resource.type == "group" and is_there(now, "user:" .. resource.key)
end

-- How another that is recorded meets a resource: "made" (what is there may be of that one), "instead" (it is, if that
-- one is as recorded), "beside" (both write parts of one file), or nil.
local function meets(one, paths, other, other_paths)
  local rtype = other.rtype
  if rtype.only and rtype == one.rtype then return "instead" end
  local made = rtype.denotes and rtype.denotes(other.key, other.attrs)
  for _, path in ipairs(paths) do
    if made == path then return "made" end
    for _, its in ipairs(other_paths) do
      if path == its and one.rtype.inside and rtype.inside then return "beside" end
      if path == its then return (one.rtype.inside or rtype.inside) and "made" or "instead" end
      if place.lies_in(path, its) and rtype.name ~= "directory" and not rtype.inside then return "made" end
    end
  end
  return lineage.may_replace(one, other) and "instead" or nil
end

-- What is recorded and is there, as resources.
local function all_of(now, types)
  local all = {}
  for _, id in ipairs(now.order) do
    local entry = now.resources[id]
    local other = entry.state and recorded.wanted(entry, types)
    if other then all[#all + 1] = { resource = other, paths = paths_of(other, entry) } end
  end
  return all
end

-- Those that meet a resource, by how; nil where one of them has made what is there.
local function others_of(resource, paths, all)
  local others = { instead = {}, beside = {} }
  for _, other in ipairs(all) do
    local how = meets(resource, paths, other.resource, other.paths)
    if how == "made" then return nil end
    if how then table.insert(others[how], other.resource) end
  end
  return others
end

--- What is wanted as it was recorded once, and has no record now.
-- @param asked resources of a way back
-- @param now of recorded.host(); is_another = whether that is another machine than the recorded one
-- @param is_free function(rtype) -> whether nothing of it can be somebody's
-- @return list of { resource, paths, instead = others that may stand in its place, beside = parts of the same file }
function unrecorded.of(asked, now, types, is_free)
  local list, all, packages = {}, nil, packages_of(now)
  for _, resource in ipairs(now.is_another and {} or asked) do
    local entry = not now.resources[resource.id] and resource.as_recorded
    if entry and not is_free(resource.rtype) and is_known(resource, now) then
      all = all or all_of(now, types)
      local paths = paths_of(resource, entry)
      local may_be_ours = may_have_come(resource, paths, now, packages) or may_have_returned(paths, asked)
      local others = not may_be_ours and others_of(resource, paths, all)
      if others then
        list[#list + 1] = { resource = resource, paths = paths, instead = others.instead, beside = others.beside }
      end
    end
  end
  return list
end

-- Whether a part that was found is a line that another one has written.
local function is_line_of(resource, found, others)
  local lines, own = {}, {}
  writers.add(lines, resource.rtype, resource.key, found, true)
  if not next(lines) then return false end
  for _, other in ipairs(others) do writers.add(own, other.rtype, other.key, other.attrs, true) end
  for line in pairs(lines) do
    if own[line] then return true end
  end
  return false
end

local function is_ours(one, found, is_untouched)
  for _, other in ipairs(one.instead) do
    if is_untouched(other.id) then return true end
  end
  return is_line_of(one.resource, found, one.beside)
end

-- Whether what is at a path may be of these packages: one of them ships it, or its set-up may have made it, where
-- the nearest folder above that any package ships is theirs alone.
local function is_of(host, path, packages)
  for _, name in ipairs(host:owners(path)) do
    if packages[name] then return true end
  end
  for _, dir in ipairs(place.above(path)) do
    local owners = host:owners(dir)
    for _, name in ipairs(owners) do
      if not packages[name] then return false end
    end
    if owners[1] then return true end
  end
  return false
end

-- Of these, those that no package of Neap's has brought.
local function without_brought(round, list, now)
  local packages, jobs = packages_of(now), {}
  if not next(packages) then return list end
  for i, one in ipairs(list) do
    jobs[i] = { run = function(host)
      local paths = one.resource.as_recorded.genesis and {} or one.paths
      for _, path in ipairs(paths) do
        host:expect("owners", path)
        for _, dir in ipairs(place.above(path)) do host:expect("owners", dir) end
      end
      for _, path in ipairs(paths) do
        if is_of(host, path, packages) then return true end
      end
      return false
    end }
  end
  if jobs[1] then round:run(jobs) end
  local others = {}
  for i, one in ipairs(list) do others[#others + 1] = not jobs[i].found and one or nil end
  return others
end

-- What was there before Neap, as far as its type wants it; nil for nothing.
local function known_of(one)
  local genesis, known = one.resource.as_recorded.genesis, {}
  for name, value in pairs(genesis or {}) do
    if one.before.attrs[name] ~= nil then known[name] = value end
  end
  return genesis and known or nil
end

--- Looks at them: which are somebody else's.
-- @param list of unrecorded.of()
-- @param is_untouched function(id) -> whether what is recorded by that id is there as it is recorded
-- @return { [id] = { was = attrs before Neap|nil, found = attrs, is_new = true } }
function unrecorded.look(round, list, now, types, is_untouched)
  local resources, foreign, seen = {}, {}, {}
  for i, one in ipairs(list) do
    one.before, resources[i] = recorded.to_genesis(one.resource.as_recorded, types), one.resource
  end
  for i, one in ipairs(list) do resources[#list + i] = one.before end
  local jobs = resources[1] and plan.probe(round, resources) or {}
  for i, one in ipairs(list) do
    local is, was, rtype = jobs[i], jobs[#list + i], one.resource.rtype
    one.found = not (is.error or is.unknown) and plan.hide(is.found, plan.wanted(one.resource)) or nil
    local is_back = not (was.error or was.unknown)
    is_back = is_back and not difference.change(rtype, was.found, plan.wanted(one.before))
    local is_foreign = one.found and not is_back and not is_ours(one, one.found, is_untouched)
    foreign[#foreign + 1] = is_foreign and one or nil
  end
  for _, one in ipairs(without_brought(round, foreign, now)) do
    seen[one.resource.id] = { was = known_of(one), found = one.found, is_new = true }
  end
  return seen
end

return unrecorded
