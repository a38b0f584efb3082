--- What the state repository holds of a host, read back: the third of the
-- four states, in the shape of the other ones (see record.lua for how it
-- stands there).
--
-- Texts come from their files, and what was sealed is a secret again. Only
-- with the project's key can that be opened; without it a secret stays one
-- that nobody knows, and says so when it is needed.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local entry_of = require "neap.engine.entry"
local fault = require "neap.engine.fault"
local meta = require "neap.engine.meta"
local rolling_words = require "neap.engine.rolling_words"
local schema = require "neap.engine.schema"
local shape = require "neap.engine.shape"
local standing = require "neap.engine.standing"

local recorded = {}

local function only(value, ...)
  local count = 0
  for _ in pairs(value) do count = count + 1 end
  if count ~= select("#", ...) then return false end
  for _, name in ipairs { ... } do
    if value[name] == nil then return false end
  end
  return true
end

local function unseal(text, context, key)
  if type(text) ~= "string" then
    fault.raise("store", nil, "'%s' in the state repository is not what neap has written", context)
  end
  if not key then
    fault.raise("store", nil, "'%s' is sealed, and the key that opens it is not here: it is seal.key beside the state "
      .. "repository that it was recorded in", context)
  end
  local secret, message = crypto.unseal(key, (text:gsub("\n$", "")), context)
  if not secret then fault.raise("store", nil, "'%s' cannot be opened: %s", context, message) end
  return secret
end

-- One value as entry.lua has written it.
-- @param at { files = { [path] = bytes } of the host, root, context, key }
local function value_of(value, at, context)
  if type(value) ~= "table" then return value end
  if only(value, "sealed") then return unseal(value.sealed, context, at.key) end
  local path = only(value, "file", "sha256", "bytes") and value.file or only(value, "sealed_in") and value.sealed_in
  if not path then return value end
  local bytes = type(path) == "string" and at.files[at.root .. path]
  if not bytes then fault.raise("store", nil, "%s: its text '%s%s' is missing", context, at.root, tostring(path)) end
  if value.sealed_in then return unseal(bytes, context, at.key) end
  if crypto.sha256(bytes) ~= value.sha256 then
    fault.raise("store", nil, "%s: its text '%s%s' is not the one that was recorded", context, at.root, path)
  end
  return bytes
end

local function values_of(entry, values, at)
  local state, context = {}, ("hosts/%s/%s%s:%s#"):format(at.host, at.root, entry.type, entry.key)
  for name, value in pairs(values) do state[name] = value_of(value, at, context .. name) end
  return state
end

local function state_of(entry, at)
  if entry.state == nil or entry.state == json.null then return false end
  return values_of(entry, entry.state, at)
end

local function option_of(value, at, context)
  if type(value) ~= "table" then return value end
  if only(value, "sealed") then return unseal(value.sealed, context, at.key) end
  local out = {}
  for name, member in pairs(value) do out[name] = option_of(member, at, context .. "." .. name) end
  return out
end

local function options_of(entry, at)
  local options, context = {}, ("hosts/%s/%s:%s#."):format(at.host, entry.type, entry.key)
  for name, value in pairs(entry.options or {}) do options[name] = option_of(value, at, context .. name) end
  return options
end

local function decoded(files, path, spec)
  local entry = files[path] and json.decode(files[path])
  if files[path] and (type(entry) ~= "table" or spec and not shape.fits(entry, spec)) then
    fault.raise("store", nil, "'%s' in the state repository is not what neap has written", path)
  end
  return entry
end

-- Whether it is the record of the resource whose place that is.
local function is_entry(entry, path)
  return entry_of.is(entry) and entry_of.path(entry.type, entry.key) == path and meta.holds(entry.meta or {})
end

-- The record of a resource at `root` .. `path`, or nil where there is none.
local function read_entry(files, root, path)
  local entry = decoded(files, root .. path)
  if entry and not is_entry(entry, path) then
    fault.raise("store", nil, "'%s' in the state repository is not the record of a resource", root .. path)
  end
  return entry
end

--- What is recorded of one resource.
-- @param files { [path below hosts/<host>/] = bytes }
-- @return one of recorded.host().resources
function recorded.resource(files, path, host, key)
  local entry = read_entry(files, "", path)
  local at = { files = files, root = "", host = host, key = key }
  local managed = {}
  for _, name in ipairs(entry.managed or {}) do managed[name] = true end
  local before = read_entry(files, "genesis/", path)
  at.root = "genesis/"
  local genesis, first
  if before then genesis, first = state_of(before, at), values_of(before, before.first or {}, at) end
  for name, value in pairs(genesis and first or {}) do genesis[name] = value end
  at.root = ""
  return {
    id = entry.type .. ":" .. entry.key, type = entry.type, key = entry.key, state = state_of(entry, at),
    managed = managed, options = options_of(entry, at), where = entry.where, meta = entry.meta or {},
    genesis = genesis, first = first, under = before and before.under or nil,
    around = before and before.around or nil, over = before and before.over or nil,
    came = before and before.came or nil, at = before and before.at or nil, entry = entry,
  }
end

-- Where the order was not recorded yet, or does not name all: by id.
local function whole_order(list, resources)
  local order, named = {}, {}
  for _, id in ipairs(list) do
    if resources[id] and not named[id] then
      order[#order + 1] = id
      named[id] = true
    end
  end
  local others = {}
  for id in pairs(resources) do
    if not named[id] then others[#others + 1] = id end
  end
  table.sort(others)
  return table.move(others, 1, #others, #order + 1, order)
end

local function rolling_of(files, host)
  local kept = decoded(files, "rolling.json")
  if not kept then return nil end
  local said, wrong = rolling_words.from_kept(kept)
  if not said then fault.raise("store", nil, "hosts/%s/rolling.json: %s", host, wrong) end
  return said
end

--- What is recorded of a host.
-- @param st an open store
-- @param rev commit id, or nil for the state before the first commit
-- @param key sealing key of the project, or nil where there is none
-- @return { resources = { [id] = { id, type, key, state = attrs|false,
--   managed = { [name] = true }, options, where, meta, genesis =
--   attrs|false|nil, first = attributes as they were when a run first looked at
--   them, entry = the decoded record } }, order = { ids }, status =
--   decoded status.json, brought = decoded brought.json, rolling = how it
--   leaves rotation and comes back (see rolling_words.lua), or nil }; empty where nothing
--   is recorded of the host
function recorded.host(st, rev, host, key)
  local files = rev and st:tree(rev, "hosts/" .. host) or {}
  local resources = {}
  for path in pairs(files) do
    if path:find("^resources/") and path:find("%.json$") then
      local resource = recorded.resource(files, path, host, key)
      resources[resource.id] = resource
    end
  end
  return {
    resources = resources, order = whole_order(decoded(files, "order.json", { "list", "string" }) or {}, resources),
    status = files["status.json"] and standing.decode(files["status.json"], host .. "/status.json"),
    brought = decoded(files, "brought.json", { "map", { "list", "string" } }) or {},
    rolling = rolling_of(files, host),
  }
end

--- The attributes and options of a record, as its type may be told them: what others may have written must not reach it
-- in a form that it does not know.
-- @param state attributes, or false where there is nothing
function recorded.attrs(entry, rtype, state)
  local attrs = {}
  for name, value in pairs(entry.options) do attrs[name] = value end
  for name, value in pairs(state or entry.state or {}) do attrs[name] = value end
  local wrong = schema.objection(rtype, entry.key, attrs, state)
  if wrong then fault.raise("store", entry.where, "%s: %s", entry.id, wrong) end
  return attrs
end

-- A resource in the shape that evaluate gives, so that it can be planned.
local function made_of(entry, types, state, genesis)
  local rtype = types:get(entry.type)
  if not rtype then
    fault.raise("playbook", entry.where, "%s: no resource type '%s' is here: give the folder of the playbook that has "
      .. "it", entry.id, entry.type)
  end
  local attrs = recorded.attrs(entry, rtype, state)
  local back = rtype.rollback
  if state and back and back.wanted then attrs = back.wanted(entry.key, attrs, genesis) end
  if attrs.occupied and rtype.attributes.force then attrs.force = true end
  local said = { after = {}, before = {}, tags = {} }
  for name, value in pairs(entry.meta) do said[name] = value end
  return {
    type = entry.type, rtype = rtype, key = entry.key, id = entry.id, absent = state == false, attrs = attrs,
    meta = said, where = entry.where, needs = {},
  }
end

--- The resource that wants what was recorded: its whole state, not only what
-- the playbook named. It is recorded again as it was.
-- @param entry one of recorded.host().resources
-- @param back what its type is told of the way back (see rollback in
--   docs/writing-types.md): { allow_data_loss, … }
function recorded.wanted(entry, types, back)
  local resource = made_of(entry, types, entry.state)
  resource.as_recorded, resource.back = entry, back or {}
  return resource
end

--- The same resource as one that is to be absent: so it can be looked at where what it lies in is gone, too.
function recorded.as_absent(resource) return setmetatable({ absent = true }, { __index = resource }) end

--- What is recorded of such a resource and can be compared: without what its type does not want, since nobody knows it.
-- nil where it was absent.
function recorded.known(resource)
  local state, known = resource.as_recorded.state, {}
  for name, value in pairs(state or {}) do
    if resource.attrs[name] ~= nil then known[name] = value end
  end
  return state and known or nil
end

--- The resource that wants what was there before Neap. When it is, its
-- records go (the engine sets `left`).
function recorded.to_genesis(entry, types, back)
  local resource = made_of(entry, types, entry.genesis or false, true)
  resource.leaves, resource.back = true, back or {}
  resource.meta.wait = nil
  return resource
end

--- The resource whose records go without a look at the host.
-- @param with id of the one that takes its place: they go when that one is as wanted; nil: in any case
function recorded.dropped(entry, types, with)
  local resource = made_of(entry, types, false)
  resource.left, resource.with = not with, with
  return resource
end

--- The paths that a resource lies at.
function recorded.paths_of(resource)
  local rtype = resource.rtype
  if rtype.paths then return rtype.paths(resource.key, resource.attrs) end
  return resource.key:sub(1, 1) == "/" and { resource.key } or {}
end

--- The same, or the path of the file that it is a part of.
function recorded.places_of(resource)
  local inside = resource.rtype.inside and resource.rtype.inside(resource.key, resource.attrs)
  return inside and { inside } or recorded.paths_of(resource)
end

--- Tells a type that takes away what nobody keeps which paths are kept, as
-- the end of a playbook does; and which are those of what is to be away.
function recorded.adopt(list)
  local paths, away = {}, {}
  for _, resource in ipairs(list) do
    local into = resource.absent and away or paths
    for _, path in ipairs(recorded.paths_of(resource)) do into[#into + 1] = path end
  end
  for _, resource in ipairs(list) do
    if resource.rtype.adopt and not resource.absent then
      resource.rtype.adopt(resource.key, resource.attrs, paths, away)
    end
  end
end

--- A desired state of resources that are in the order in which they are to
-- be carried out: neighbours of a batching type are one transaction.
function recorded.desired(host, list)
  local by_id, transaction, previous = {}, 0, nil
  for _, resource in ipairs(list) do
    by_id[resource.id] = resource
    if resource.rtype.batch then
      if not previous or previous.rtype ~= resource.rtype then transaction = transaction + 1 end
      resource.transaction = transaction
    end
    previous = resource
  end
  return { host = host, list = list, by_id = by_id, inputs = {}, recorded = true }
end

return recorded
