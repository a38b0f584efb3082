--- How a host's states stand in the state repository; of each resource, entry.lua knows.
--
--     hosts/<host>/resources/<type>/<key>.json   what the last probe saw
--     hosts/<host>/files/<path>                  contents, as text
--     hosts/<host>/genesis/…                     the same two, before Neap
--     hosts/<host>/order.json                    ids, in the order of an apply
--     hosts/<host>/brought.json                  what came along, by type
--     hosts/<host>/rolling.json                  how it leaves rotation and comes back
--     hosts/<host>/status.json                   complete | incomplete, …
--     source/…                                   what made it
--     run.json                                   who, when, how it ended
--     seal.check                                 by which the key is known again

local json = require "neap.core.json"
local difference = require "neap.engine.difference"
local entry_of = require "neap.engine.entry"
local labels = require "neap.engine.labels"
local lasting = require "neap.engine.lasting"
local layers = require "neap.engine.layers"
local ledger = require "neap.engine.ledger"
local origins = require "neap.engine.origins"

local record = {}

-- A record that differs only in the line of the playbook is not worth a
-- commit of its own.
local function says_the_same(old, new)
  if old == new then return true end
  if not old then return false end
  local a, b = json.decode(old), json.decode(new)
  if type(a) ~= "table" or type(b) ~= "table" or not a.type then return false end
  a.where, b.where = nil, nil
  return difference.same(a, b)
end

-- Puts into `changes` what differs from `recorded`; returns whether
-- something does that is worth a commit.
local function compare(changes, prefix, recorded, files)
  local news = false
  for path, bytes in pairs(files) do
    if recorded[path] ~= bytes then
      changes[prefix .. path] = bytes
      if not (path:match("%.json$") and says_the_same(recorded[path], bytes)) then news = true end
    end
  end
  return news
end

-- A resource that is what it was before Neap is Neap's no longer.
local function forget(name, resource, recorded, changes)
  local news = false
  for _, root in ipairs { "", "genesis/" } do
    for _, path in ipairs(entry_of.recorded(resource.rtype, resource.key, recorded, root)) do
      changes["hosts/" .. name .. "/" .. path] = false
      news = true
    end
  end
  return news
end

-- Adds to what was before Neap what this run is the first to look at.
local function add_first(name, resource, recorded, before, changes, key)
  local path = entry_of.path(resource.type, resource.key)
  local at, host = "genesis/" .. path, "hosts/" .. name .. "/"
  local genesis, files = json.decode(recorded[at]), {}
  local news = lasting.first(resource.rtype, recorded[path] and json.decode(recorded[path]), genesis, before)
  if next(news) == nil then return end
  genesis.first = genesis.first or {}
  local context, place = host .. "genesis/" .. resource.id, { root = "genesis/", recorded = recorded }
  for attribute, value in pairs(entry_of.state(resource, news, files, context, key, place)) do
    genesis.first[attribute] = value
  end
  changes[host .. at] = json.encode(genesis, { indent = 2 }) .. "\n"
  for blob, bytes in pairs(files) do changes[host .. "genesis/" .. blob] = bytes end
end

-- Adds a value to a list that was recorded, if there is one and it is not in it; returns whether it did.
local function add_to(state, attribute, value)
  local list = type(state) == "table" and state ~= json.null and state[attribute]
  if not list then return false end
  for _, known in ipairs(list) do
    if known == value then return false end
  end
  list[#list + 1] = value
  table.sort(list)
  return true
end

-- Adds to what was before Neap what another resource knew of it whose record goes.
local function inherit(name, resource, recorded, changes)
  local at = "genesis/" .. entry_of.path(resource.type, resource.key)
  local path = "hosts/" .. name .. "/" .. at
  for _, one in ipairs(resource.inherits or {}) do
    local genesis = json.decode(changes[path] or recorded[at])
    local news = one.from.left and
      (add_to(genesis.state, one.attribute, one.value) or add_to(genesis.first, one.attribute, one.value))
    if news then changes[path] = json.encode(genesis, { indent = 2 }) .. "\n" end
  end
end

-- What the playbook no longer names stays recorded.
local function carry(files, resource, recorded, before)
  local path = entry_of.path(resource.type, resource.key)
  local entry = json.decode(files[path])
  local old = recorded[path] and json.decode(recorded[path])
  local carried = lasting.carried(resource.rtype, old, entry, resource.attrs, before)
  if next(carried) == nil then return end
  for attribute, value in pairs(carried) do
    entry.state[attribute] = value
    local blob = type(value) == "table" and (value.file or value.sealed_in)
    if blob then files[blob] = recorded[blob] end
  end
  files[path] = json.encode(entry, { indent = 2 }) .. "\n"
end

-- What was seen of a resource, with what it has besides (see bystanders.lua).
local function seen_of(seen, id)
  local state, more = seen.observed[id], seen.more and seen.more[id]
  if not state or not more then return state end
  return difference.overlay(state, more)
end

-- What a way back had to bring back and was not recorded then, only found since, is not recorded either.
local function as_then(resource, state)
  local old = resource.as_recorded and resource.as_recorded.entry.state
  if not state or state.occupied or type(old) ~= "table" then return state end
  local kept = {}
  for attribute, value in pairs(state) do
    if old[attribute] ~= nil or difference.is_compared(resource.rtype, attribute) then kept[attribute] = value end
  end
  return kept
end

--- The first record of a resource: what was there before Neap.
-- @return { [path below hosts/<host>/] = bytes }
function record.origin(name, resource, recorded, seen, key)
  local path = "genesis/" .. entry_of.path(resource.type, resource.key)
  local origin, under = origins.of(resource, recorded, seen, entry_of.path)
  local about = { host = name, key = key, types = seen.types, resources = seen.resources }
  local came = not under and origins.came(resource, origin, recorded, seen) or nil
  origin = came and came.found or origin
  under = under or not origin and layers.takes_place(resource, recorded, about) -- which Neap took away
  origin = origins.placed(resource, origin, recorded, seen.before, about)
  local files = entry_of.files(name, resource, origin, "genesis/", key, recorded)
  local around = seen.around and seen.around[resource.id]
  around = not origin and origins.around(resource, around, recorded, seen.resources) or nil
  local over = layers.below(resource, origin, recorded, about)
  local at = not resource.rtype.inside and resource.at or nil
  if under or around or over or came or at then
    local entry = json.decode(files[path])
    entry.under, entry.around, entry.over, entry.at = under or nil, around, over, at
    entry.came = came and came.with
    files[path] = json.encode(entry, { indent = 2 }) .. "\n"
  end
  return files
end

local function record_resource(name, resource, recorded, seen, changes, key)
  local prefix = "hosts/" .. name .. "/"
  local path = entry_of.path(resource.type, resource.key)
  local before = seen.before[resource.id]
  if not recorded["genesis/" .. path] or resource.found_by and resource.found_by.left then
    compare(changes, prefix, recorded, record.origin(name, resource, recorded, seen, key))
  else
    local first_seen = lasting.foreign(resource.key, (seen.origins or seen.before)[resource.id], recorded)
    add_first(name, resource, recorded, first_seen, changes, key)
  end
  inherit(name, resource, recorded, changes)
  local files = entry_of.files(name, resource, as_then(resource, seen_of(seen, resource.id)), "", key, recorded)
  carry(files, resource, recorded, before)
  local news = compare(changes, prefix, recorded, files)
  for _, old in ipairs(entry_of.recorded(resource.rtype, resource.key, recorded, "")) do
    if not files[old] then
      changes[prefix .. old] = false
      news = true
    end
  end
  return news
end

-- The resources that the run was about, and those whose records just go.
local function resources_of(desired)
  if not desired.dropped then return desired.list end
  local list = table.move(desired.list, 1, #desired.list, 1, {})
  return table.move(desired.dropped, 1, #desired.dropped, #list + 1, list)
end

--- What a run knows of a host before it changes it: `resources`, `before`, `origins`, `around`, `came`, `owned`,
-- `types` and `whole` of record.host.
function record.known(plan, types)
  return {
    resources = resources_of(plan.desired), before = plan.observed, origins = plan.before, around = plan.around,
    came = plan.came, owned = plan.owned, types = types, whole = plan.desired.whole,
  }
end

-- Of what the run was not about, what was recorded as absent and is there now.
local function came_of(seen)
  local came = {}
  for _, resource in ipairs(seen.others or {}) do
    came[resource.id] = seen.states[resource.id] and not resource.as_recorded.state or nil
  end
  return came
end

-- Puts into `changes` what stands elsewhere in one tree of records than in another; returns whether something does.
local function move(name, from, to, changes)
  local moves = labels.moves(from, to)
  for path, bytes in pairs(moves) do changes["hosts/" .. name .. "/" .. path] = bytes end
  return next(moves) ~= nil
end

--- What a host's records must become.
-- @param name the host's
-- @param head { [path below hosts/<host>/] = bytes } at HEAD
-- @param seen { resources, observed = { [id] = attrs|false }, before = the
--   same as first seen, origins = the same, or as it was when what was Neap's
--   had gone (`before` of plan.host), around, came = as plan.host has them, owned = what owned.note noted, status =
--   { … }, brought = { [type] = { [name] = true (came along) | false (went) } }|nil }; a resource that is
--   `left` is again what it was before Neap, and its records go;
--   types = where resource types are found, or nil; whole = as labels.apart() has it; others, states, more = what
--   bystanders.look gives, or nil;
--   rolling = what rolling_words.kept gives
-- @param changes table to add { [path] = bytes|false } to
-- @return whether something is worth a commit; and the ids by which is recorded what labels no longer stand for
function record.host(name, head, seen, changes, key)
  local recorded, others = labels.tree(name, head, seen, key)
  local news = move(name, head, recorded, changes)
  for _, resource in ipairs(seen.resources) do
    if resource.left then
      news = forget(name, resource, recorded, changes) or news
    elseif seen.observed[resource.id] ~= nil then
      news = record_resource(name, resource, recorded, seen, changes, key) or news
    end
  end
  for _, resource in ipairs(seen.others or {}) do
    local of_it = { observed = seen.states, before = {} }
    news = record_resource(name, resource, recorded, of_it, changes, key) or news
  end
  local files = {
    ["brought.json"] = ledger.brought(recorded["brought.json"], seen.brought),
    ["order.json"] = ledger.order(recorded["order.json"], seen.resources, seen.observed, came_of(seen)),
    ["rolling.json"] = seen.rolling and json.encode(seen.rolling, { indent = 2 }) .. "\n",
    ["status.json"] = json.encode(seen.status, { indent = 2 }) .. "\n",
  }
  for _, path in ipairs { "brought.json", "rolling.json" } do
    if recorded[path] and not files[path] then
      changes["hosts/" .. name .. "/" .. path] = false
      news = true
    end
  end
  return compare(changes, "hosts/" .. name .. "/", recorded, files) or news, others
end

return record
