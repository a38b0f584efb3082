--- Meta attributes: what is said about a resource and is not part of its state.
--     after, before     references or "type:key": the order
--     <verb>_on         of types with triggers: what makes them restart, reload, ...; they come after it too
--     validate          of types with triggers: a command that must succeed before the trigger
--     tags              words for -t
--     timeout           seconds after which each of its steps is given up
--     wait              resources of other hosts that must be done first
--     guard             whether it can cut us off (guarded.lua says, where the playbook does not)
local frozen = require "neap.engine.frozen"
local near = require "neap.near"
local references = require "neap.engine.references"
local shape = require "neap.engine.shape"

local meta = {}

local META = { after = "ids", before = "ids", tags = "words", wait = "hosts", guard = "flag", timeout = "seconds" }

--- Which meta attributes a type takes: name -> how its value is read.
function meta.of(rtype)
  if rtype.meta_kinds then return rtype.meta_kinds end
  local kinds = {}
  for name, kind in pairs(META) do kinds[name] = kind end
  for _, verb in ipairs(rtype.triggers or {}) do
    kinds[verb .. "_on"] = "ids"
    kinds.validate = "script"
  end
  for name in pairs(rtype.attributes) do kinds[name] = nil end
  rtype.meta_kinds = kinds
  return kinds
end

--- The names of those meta attributes of a type that name resources, sorted.
function meta.naming(rtype)
  if rtype.meta_naming then return rtype.meta_naming end
  local names = {}
  for name, kind in pairs(meta.of(rtype)) do
    if kind == "ids" then names[#names + 1] = name end
  end
  table.sort(names)
  rtype.meta_naming = names
  return names
end

local read = {}

-- An id with the key as its type has it: of "service:x.service", "service:x".
local function named(id, context)
  local kind, key = id:match("^([%w_]+):(.+)$")
  local rtype = key ~= "*" and context and context.types and context.types:get(kind)
  local ok, known = pcall(rtype and rtype.check_key or error, key)
  return ok and known and kind .. ":" .. known or id
end

function read.ids(v, context)
  local list = references.ids(v, {})
  if not list then return nil, "wants a reference, \"type:key\", or a list of them" end
  for i, id in ipairs(list) do
    if not id:find("^[%w_]+:.") then return nil, ("wants \"type:key\", got '%s'"):format(id) end
    list[i] = named(id, context)
  end
  return list
end

function read.words(v)
  local list = references.ids(v, {})
  if not list then return nil, "wants a word or a list of words" end
  return list
end

function read.flag(v)
  if type(v) ~= "boolean" then return nil, "wants true or false" end
  return v
end

function read.seconds(v)
  local n = math.type(v) and math.tointeger(v)
  if not n or n < 1 then return nil, "wants a whole number of seconds" end
  return n
end

function read.script(v)
  if type(v) ~= "string" then return nil, "wants a shell command as a string" end
  return v
end

local function host_name(v)
  if type(v) == "string" then return v end
  return frozen.is(v) and frozen.raw(v).name or nil
end

-- wait = { db1 = "service:mysql" } | "db1" | host | list of hosts (the same resource there) -> { { host=, id= }, … }
function read.hosts(v, context, own_id)
  local list, one = {}, host_name(v)
  if one then v = { one } end
  if type(v) ~= "table" then return nil, "wants a host, a list of hosts, or a table host = \"type:key\"" end
  for _, key in ipairs(frozen.keys(v)) do
    local member = v[key]
    local name = math.type(key) == "integer" and host_name(member) or key
    if type(name) ~= "string" then return nil, "wants hosts or their names" end
    local ids = type(key) == "string" and references.ids(member, {}) or { own_id }
    if type(key) == "string" and not references.ids(member, {}) then
      return nil, ("wants what to wait for on '%s': %s = \"type:key\""):format(key, key)
    end
    for _, id in ipairs(ids) do
      list[#list + 1] = { host = name, id = named(id, context) }
    end
  end
  local known = context.host_names and context.host_names()
  for _, wait in ipairs(known and list or {}) do
    if not known[wait.host] then
      return nil, ("names the host '%s', which is not in the inventory%s"):format(wait.host,
        near.hint(wait.host, known))
    end
  end
  return list
end

local KEPT = {
  wait = { "list", { host = "string", id = "string" } }, validate = "string", guard = "boolean", timeout = "integer",
}

--- Whether all of what was read once, and recorded or saved since, is in the form that meta.read gives it.
function meta.holds(said)
  for name, value in pairs(said) do
    if not shape.fits(value, KEPT[name] or { "list", "string" }) then return false end
  end
  return true
end

--- The value of meta attribute `name`, read; or nil and what is wrong.
-- @param kind as meta.of() says
function meta.read(kind, v, context, own_id) return read[kind](v, context, own_id) end

return meta
