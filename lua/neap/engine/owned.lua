--- What a run is the first to touch, and an earlier run's package has brought: that was there before as long as the
-- package is there (see came_with.lua).
--
--     a run      package "p"            before Neap: nothing
--     later      file "/usr/share/p/f"  before Neap: nothing; before the run touched it: what p ships
--
-- The host is asked before the run changes anything, in one round trip, where it has packages of Neap's and the run
-- touches something for the first time that may be of one.

local ask = require "neap.engine.ask"
local entry_of = require "neap.engine.entry"
local json = require "neap.core.json"
local recorded = require "neap.engine.recorded"
local shape = require "neap.engine.shape"
local standing = require "neap.engine.standing"

local owned = {}

-- The same file by another name: since /bin, /sbin and /lib are links, packages ship it by either.
local MERGED = { "/bin/", "/sbin/", "/lib/" }

local function names_of(path)
  for _, top in ipairs(MERGED) do
    if path:find("/usr" .. top, 1, true) == 1 then return { path, path:sub(#"/usr" + 1) } end
    if path:find(top, 1, true) == 1 then return { path, "/usr" .. path } end
  end
  return { path }
end

-- What a package would ship that has brought it.
local function paths_of(resource)
  local shipped_as, all = resource.rtype.shipped_as, {}
  local paths = shipped_as and shipped_as(resource.key) or recorded.places_of(resource)
  for _, list in ipairs { paths, resource.at or {} } do
    for _, path in ipairs(list) do
      local names = names_of(path)
      table.move(names, 1, #names, #all + 1, all)
    end
  end
  return all
end

-- The packages that Neap has brought to a host: { [name] = ids of those with which one goes }, or nil.
local function brought_of(tree)
  local own, all = {}, {}
  for path, text in pairs(tree) do
    local entry = path:match("^resources/package/.*%.json$") and json.decode(text)
    local genesis = entry and json.decode(tree["genesis/" .. path] or "null")
    local is_ours = type(genesis) == "table" and (genesis.state == nil or genesis.state == json.null)
    if is_ours and type(entry.key) == "string" and type(entry.state) == "table" then
      local id = "package:" .. entry.key
      own[entry.key:match("^[^:]*")], all[#all + 1] = { id }, id
    end
  end
  table.sort(all)
  local brought = json.decode(tree["brought.json"] or "null")
  for _, name in ipairs(shape.fits(brought, { "map", { "list", "string" } }) and brought.package or {}) do
    own[name] = own[name] or all
  end
  return all[1] and own or nil
end

-- The resources that a run is the first to touch, and that were there.
local function first_touched(host, tree)
  local list = {}
  for _, resource in ipairs(host.plan.desired.list) do
    local is_known = tree["genesis/" .. entry_of.path(resource.type, resource.key)]
    local was_there = host.plan.observed[resource.id]
    if was_there and not is_known and not resource.leaves then
      local paths = paths_of(resource)
      list[#list + 1] = paths[1] and { id = resource.id, paths = paths } or nil
    end
  end
  return list
end

-- The ids of Neap's packages of which one ships it, or nil where another package does, or none.
local function whose(packages, brought)
  local ids, seen = {}, {}
  for _, name in ipairs(packages) do
    if not brought[name] then return nil end
    for _, id in ipairs(brought[name]) do
      if not seen[id] then seen[id], ids[#ids + 1] = true, id end
    end
  end
  table.sort(ids)
  return ids[1] and ids or nil
end

--- Notes on the plan of a host (`owned`) with which packages came what the run is the first to touch:
-- { [id] = ids of packages }.
-- @param self the session
function owned.note(self, host)
  if host.held or host.adopted or not host.plan then return end
  local tree = standing.tree(self, host)
  local list = first_touched(host, tree)
  local brought = list[1] and brought_of(tree)
  if not brought then return end
  local round, jobs = ask.new(host.conn, host.facts), {}
  for i, one in ipairs(list) do
    jobs[i] = { run = function(there)
      local packages = {}
      for _, path in ipairs(one.paths) do there:expect("owners", path) end
      for _, path in ipairs(one.paths) do
        local names = there:owners(path)
        table.move(names, 1, #names, #packages + 1, packages)
      end
      return packages
    end }
  end
  round:run(jobs)
  host.plan.owned = {}
  for i, one in ipairs(list) do host.plan.owned[one.id] = whose(jobs[i].found or {}, brought) end
end

return owned
