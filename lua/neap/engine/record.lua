--- How states stand in the state repository.
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
--
-- A key that is a path keeps its slashes, so that the tree reads like the
-- host's own. Contents that hold a secret are sealed with the project's key.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local taint = require "neap.core.taint"
local difference = require "neap.engine.difference"
local frozen = require "neap.engine.frozen"
local lasting = require "neap.engine.lasting"
local ledger = require "neap.engine.ledger"
local origins = require "neap.engine.origins"
local shape = require "neap.engine.shape"

local record = {}

-- Whether a name is .git, or what Windows and macOS take for it: its short name, with blanks, dots or a stream behind,
-- with letters in it that nobody sees.
local function is_gits(name)
  name = name:lower():gsub("\xe2\x80[\x8c-\x8f\xaa-\xae]", ""):gsub("\xe2\x81[\xaa-\xaf]", ""):gsub("\xef\xbb\xbf", "")
  local rest = name:match("^%.git(.*)$") or name:match("^git~1(.*)$")
  return rest and (rest:find("^[ .]*$") or rest:find("^[:\\]")) ~= nil
end

-- A path component that git would refuse, or that could be taken for
-- another name here, is escaped the way URLs are.
local function component(name)
  name = name:gsub("[%%%z\1-\31]", function(c) return string.format("%%%02X", c:byte()) end)
  if name == "." or name == ".." then return (name:gsub("%.", "%%2E")) end
  if is_gits(name) then return string.format("%%%02X", name:byte()) .. name:sub(2) end
  if name:match("%.json$") then return name:sub(1, -6) .. "%2Ejson" end
  return name
end

local function key_path(key)
  if key:sub(1, 1) ~= "/" then return (component(key):gsub("/", "%%2F")) end
  local names = {}
  for name in key:gmatch("[^/]+") do names[#names + 1] = component(name) end
  return table.concat(names, "/")
end

-- What is read from a resource's record.
local ENTRY = {
  type = "string", key = "string", where = "?string", managed = { "list", "string", may = true },
  options = { "map", "any", may = true }, meta = { "map", "any", may = true }, first = { "map", "any", may = true },
  under = "?boolean", around = { "map", "any", may = true },
}

--- Whether decoded JSON is the record of a resource.
function record.is_entry(entry)
  return shape.fits(entry, ENTRY) and entry.type:find("^[%a_][%w_]*$") ~= nil and entry.key ~= "" and
    (entry.state == nil or entry.state == json.null or shape.fits(entry.state, { "map", "any" }))
end

--- Path of a resource's record below hosts/<host>/ (or its genesis/).
function record.resource_path(rtype_name, key) return "resources/" .. rtype_name .. "/" .. key_path(key) .. ".json" end

-- Of the things that may stand at one path, only a file's content has the name that people look for.
local function blob_path(rtype_name, key, attribute)
  if rtype_name == "file" and attribute == "content" then return "files/" .. key_path(key) end
  return "blobs/" .. rtype_name .. "/" .. key_path(key) .. "." .. attribute
end

-- One attribute as JSON has it; large text goes to a file of its own, put
-- into `files`.
local function attribute_value(value, schema, place, key)
  local context = place.context
  if taint.is(value) then
    local sealed = crypto.seal(key, value, context)
    if not schema.blob then return { sealed = sealed } end
    place.files[place.blob] = sealed .. "\n"
    return { sealed_in = place.blob }
  end
  if schema.blob and type(value) == "string" then
    place.files[place.blob] = value
    return { file = place.blob, sha256 = crypto.sha256(value), bytes = #value }
  end
  return value
end

local function state_value(resource, state, files, context, key)
  if not state then return json.null end
  local out = {}
  for name, value in pairs(state) do
    local schema = resource.rtype.attributes[name]
    schema = type(schema) == "table" and schema or {}
    if not schema.option then
      local place = {
        files = files, blob = blob_path(resource.type, resource.key, name), context = context .. "#" .. name,
      }
      out[name] = attribute_value(value, schema, place, key)
    end
  end
  return out
end

-- A secret may stand in a table too: the environment of a command.
local function option_value(value, context, key)
  if taint.is(value) then return { sealed = crypto.seal(key, value, context) } end
  if type(value) ~= "table" then return value end
  local out = {}
  for name, member in pairs(value) do out[name] = option_value(member, context .. "." .. name, key) end
  return out
end

-- Of what is to be absent, all that was said of it: where a line was.
local function is_recorded_option(resource, name, value)
  local schema = resource.rtype.attributes[name]
  if type(schema) ~= "table" or schema.recorded == false or schema.reads or schema.blob then return false end
  return (schema.option or resource.absent) and (not schema.recorded or schema.recorded(value))
end

-- The names of a type's options, sorted.
local function option_names(rtype)
  if rtype.option_names then return rtype.option_names end
  local names = {}
  for name, schema in pairs(rtype.attributes) do
    if type(schema) == "table" and schema.option then names[#names + 1] = name end
  end
  table.sort(names)
  rtype.option_names = names
  return names
end

--- The options of a resource that a way back needs, or nil: what `match`es,
-- where a release comes from; not what was made of them (see schema.lua).
function record.options(resource)
  local options
  for _, name in ipairs(resource.absent and frozen.keys(resource.attrs) or option_names(resource.rtype)) do
    local value = resource.attrs[name]
    if value ~= nil and is_recorded_option(resource, name, value) then
      options = options or {}
      options[name] = value
    end
  end
  return options
end

local function managed_names(resource)
  local names = {}
  for name in pairs(resource.absent and {} or resource.attrs) do
    local schema = resource.rtype.attributes[name]
    if not (type(schema) == "table" and schema.option) then names[#names + 1] = name end
  end
  table.sort(names)
  return json.array(names)
end

local META = { "after", "restart_on", "reload_on", "run_on", "validate", "wait", "tags", "guard" }

local function meta_value(resource)
  local meta
  for _, name in ipairs(META) do
    local value = (resource.own_meta or resource.meta)[name]
    if value and (type(value) ~= "table" or #value > 0) then
      meta = meta or {}
      meta[name] = value
    end
  end
  return meta
end

--- The files that record `state` of `resource`, by path below the host.
-- @param root "" or "genesis/"
-- @param key sealing key of the project
function record.files_of(host, resource, state, root, key)
  local files = {}
  local context = "hosts/" .. host .. "/" .. root .. resource.id
  local entry = {
    type = resource.type, key = resource.key,
    state = state_value(resource, state, files, context, key),
  }
  if root == "" and resource.as_recorded then
    local old = resource.as_recorded.entry
    entry.managed, entry.where, entry.meta, entry.options = old.managed, old.where, old.meta, old.options
  elseif root == "" then
    entry.managed, entry.where, entry.meta = managed_names(resource), resource.where, meta_value(resource)
    local options = record.options(resource)
    entry.options = options and option_value(options, context .. "#", key)
  end
  files[record.resource_path(resource.type, resource.key)] = json.encode(entry, { indent = 2 }) .. "\n"
  local placed = {}
  for path, bytes in pairs(files) do placed[root .. path] = bytes end
  return placed
end

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

-- The files of a resource that are recorded at all, below the host.
local function recorded_files(resource, recorded, root)
  local files = {}
  local path = root .. record.resource_path(resource.type, resource.key)
  if recorded[path] then files[#files + 1] = path end
  for attribute in pairs(resource.rtype.attributes) do
    local blob = root .. blob_path(resource.type, resource.key, attribute)
    if recorded[blob] then files[#files + 1] = blob end
  end
  return files
end

-- A resource that is what it was before Neap is Neap's no longer.
local function forget(name, resource, recorded, changes)
  local news = false
  for _, root in ipairs { "", "genesis/" } do
    for _, path in ipairs(recorded_files(resource, recorded, root)) do
      changes["hosts/" .. name .. "/" .. path] = false
      news = true
    end
  end
  return news
end

-- Adds to what was before Neap what this run is the first to look at.
local function add_first(name, resource, recorded, before, changes, key)
  local path = record.resource_path(resource.type, resource.key)
  local at, host = "genesis/" .. path, "hosts/" .. name .. "/"
  local genesis, files = json.decode(recorded[at]), {}
  local news = lasting.first(resource.rtype, recorded[path] and json.decode(recorded[path]), genesis, before)
  if next(news) == nil then return end
  genesis.first = genesis.first or {}
  for attribute, value in pairs(state_value(resource, news, files, host .. "genesis/" .. resource.id, key)) do
    genesis.first[attribute] = value
  end
  changes[host .. at] = json.encode(genesis, { indent = 2 }) .. "\n"
  for blob, bytes in pairs(files) do changes[host .. "genesis/" .. blob] = bytes end
end

-- What the playbook no longer names stays recorded.
local function carry(files, resource, recorded, before)
  local path = record.resource_path(resource.type, resource.key)
  local entry = json.decode(files[path])
  local carried = lasting.carried(resource.rtype, recorded[path] and json.decode(recorded[path]), entry, before)
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
  local whole = {}
  for _, part in ipairs { state, more } do
    for attribute, value in pairs(part) do whole[attribute] = value end
  end
  return whole
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

-- The first record of a resource: what was there before Neap.
local function add_origin(name, resource, recorded, seen, changes, key)
  local path = "genesis/" .. record.resource_path(resource.type, resource.key)
  local origin, under = origins.of(resource, recorded, seen, record.resource_path)
  local files = record.files_of(name, resource, origin, "genesis/", key)
  local around = not origin and origins.around(resource, seen.around and seen.around[resource.id], recorded) or nil
  if under or around then
    local entry = json.decode(files[path])
    entry.under, entry.around = under or nil, around
    files[path] = json.encode(entry, { indent = 2 }) .. "\n"
  end
  compare(changes, "hosts/" .. name .. "/", recorded, files)
end

local function record_resource(name, resource, recorded, seen, changes, key)
  local prefix = "hosts/" .. name .. "/"
  local path = record.resource_path(resource.type, resource.key)
  local before = seen.before[resource.id]
  if not recorded["genesis/" .. path] then
    add_origin(name, resource, recorded, seen, changes, key)
  else
    local first_seen = lasting.foreign(resource.key, (seen.origins or seen.before)[resource.id], recorded)
    add_first(name, resource, recorded, first_seen, changes, key)
  end
  local files = record.files_of(name, resource, as_then(resource, seen_of(seen, resource.id)), "", key)
  carry(files, resource, recorded, before)
  local news = compare(changes, prefix, recorded, files)
  for _, old in ipairs(recorded_files(resource, recorded, "")) do
    if not files[old] then
      changes[prefix .. old] = false
      news = true
    end
  end
  return news
end

--- What a host's records must become.
-- @param name the host's
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD
-- @param seen { resources, observed = { [id] = attrs|false }, before = the
--   same as first seen, origins = the same, or as it was when what was Neap's
--   had gone (`before` of plan.host), around = as plan.host has it, status = { … }, brought = { [type] = {
--   [name] = true (came along) | false (went) } }|nil }; a resource that is
--   `left` is again what it was before Neap, and its records go;
--   others, states, more = what bystanders.look gives, or nil; rolling = what
--   rolling_words.kept gives
-- @param changes table to add { [path] = bytes|false } to
-- @return whether something is worth a commit
function record.host(name, recorded, seen, changes, key)
  local news = false
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
    ["order.json"] = ledger.order(recorded["order.json"], seen.resources, seen.observed),
    ["rolling.json"] = seen.rolling and json.encode(seen.rolling, { indent = 2 }) .. "\n",
    ["status.json"] = json.encode(seen.status, { indent = 2 }) .. "\n",
  }
  for _, path in ipairs { "brought.json", "rolling.json" } do
    if recorded[path] and not files[path] then
      changes["hosts/" .. name .. "/" .. path] = false
      news = true
    end
  end
  return compare(changes, "hosts/" .. name .. "/", recorded, files) or news
end

return record
