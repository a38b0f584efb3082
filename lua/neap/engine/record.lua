--- How states stand in the state repository.
--
--     hosts/<host>/resources/<type>/<key>.json   what the last probe saw
--     hosts/<host>/files/<path>                  contents, as text
--     hosts/<host>/genesis/…                     the same two, before Neap
--     hosts/<host>/status.json                   complete | incomplete, …
--     source/…                                   what made it
--     run.json                                   who, when, how it ended
--
-- A key that is a path keeps its slashes, so that the tree reads like the
-- host's own. Contents that hold a secret are sealed with the project's key.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local taint = require "neap.core.taint"
local difference = require "neap.engine.difference"

local record = {}

-- A path component that git would refuse, or that could be taken for
-- another name here, is escaped the way URLs are.
local function component(name)
  name = name:gsub("[%%%z\1-\31]", function(c) return string.format("%%%02X", c:byte()) end)
  if name == "." or name == ".." then return (name:gsub("%.", "%%2E")) end
  if name:lower() == ".git" then return "%2E" .. name:sub(2) end
  if name:match("%.json$") then return name:sub(1, -6) .. "%2Ejson" end
  return name
end

local function key_path(key)
  if key:sub(1, 1) ~= "/" then return (component(key):gsub("/", "%%2F")) end
  local parts = {}
  for part in key:gmatch("[^/]+") do parts[#parts + 1] = component(part) end
  return table.concat(parts, "/")
end

--- Path of a resource's record below hosts/<host>/ (or its genesis/).
function record.resource_path(rtype_name, key) return "resources/" .. rtype_name .. "/" .. key_path(key) .. ".json" end

local function blob_path(rtype_name, key, attribute)
  if key:sub(1, 1) == "/" and attribute == "content" then return "files/" .. key_path(key) end
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

local function managed_names(resource)
  local names = {}
  for name in pairs(resource.absent and {} or resource.attrs) do
    local schema = resource.rtype.attributes[name]
    if not (type(schema) == "table" and schema.option) then names[#names + 1] = name end
  end
  table.sort(names)
  return json.array(names)
end

local META = { "after", "restart_on", "reload_on", "run_on", "validate" }

local function meta_value(resource)
  local meta
  for _, name in ipairs(META) do
    local value = resource.meta[name]
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
  if root == "" then
    entry.managed, entry.where, entry.meta = managed_names(resource), resource.where, meta_value(resource)
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

--- What a host's records must become.
-- @param host { name, machine_id }
-- @param recorded { [path below hosts/<host>/] = bytes } at HEAD
-- @param seen { resources, observed = { [id] = attrs|false }, before = the
--   same as first seen, status = { … } }
-- @param changes table to add { [path] = bytes|false } to
-- @return whether something is worth a commit
function record.host(name, recorded, seen, changes, key)
  local prefix = "hosts/" .. name .. "/"
  local news = false
  for _, resource in ipairs(seen.resources) do
    local state = seen.observed[resource.id]
    if state ~= nil then
      local path = record.resource_path(resource.type, resource.key)
      if not recorded["genesis/" .. path] then
        compare(changes, prefix, recorded, record.files_of(name, resource, seen.before[resource.id], "genesis/", key))
      end
      local files = record.files_of(name, resource, state, "", key)
      news = compare(changes, prefix, recorded, files) or news
      for attribute in pairs(resource.rtype.attributes) do
        local blob = blob_path(resource.type, resource.key, attribute)
        if recorded[blob] and not files[blob] then
          changes[prefix .. blob] = false
          news = true
        end
      end
    end
  end
  local status = { ["status.json"] = json.encode(seen.status, { indent = 2 }) .. "\n" }
  return compare(changes, prefix, recorded, status) or news
end

return record
