--- Tables that a playbook may read but not change, and in which a name that is not there is an error.
-- Variables, facts and hosts reach the sandbox through these. A frozen table is a stand-in for a plain one, made on
-- first sight and without copying, so that many hosts can share one set of variables.
-- @usage local site = frozen.table(vars, { label = "variable", path = "" })
--   site.app.port   the value; site.app.prot: error "variable 'app.prot' is not set (did you mean 'app.port'?)"
--   site("app.prot", 80)   the value, or 80 where it is not set
local near = require "neap.near"
local fault = require "neap.engine.fault"

local frozen = {}

local meta_of = setmetatable({}, { __mode = "k" }) -- stand-in -> what it stands for

--- The plain table behind a stand-in; anything else as it is.
function frozen.raw(v)
  local meta = meta_of[v]
  return meta and meta.plain or v
end

function frozen.is(v) return meta_of[v] ~= nil end

local function path_to(meta, key)
  if meta.path == "" then return tostring(key) end
  return math.type(key) == "integer" and ("%s[%d]"):format(meta.path, key) or meta.path .. "." .. tostring(key)
end

local function child(meta, key, value)
  if type(value) ~= "table" or meta_of[value] or getmetatable(value) then return value end
  local made = meta.children[value]
  if not made then
    made = frozen.table(value, { label = meta.label, path = path_to(meta, key), where = meta.where })
    meta.children[value] = made
  end
  return made
end

local function missing(meta, key)
  local siblings = {}
  for name in pairs(meta.plain) do
    if type(name) == "string" then siblings[#siblings + 1] = path_to(meta, name) end
  end
  local path = path_to(meta, key)
  local hint = near.hint(path, siblings)
  if hint == "" and meta.label == "variable" then
    hint = (": give it a default in defaults.lua, or ask for it with one: site(\"%s\", …)"):format(path)
  end
  fault.raise("playbook", meta.where and meta.where(), "%s '%s' is not set%s", meta.label, path, hint)
end

local function read(meta, key)
  local value = meta.plain[key]
  if value == nil and meta.lazy and meta.lazy[key] then
    value = meta.lazy[key]()
    meta.plain[key] = value
  end
  if value == nil then
    -- Past the end of a list is how Lua finds that end.
    if type(key) ~= "string" then return nil end
    missing(meta, key)
  end
  if meta.on_read then meta.on_read(key) end
  return child(meta, key, value)
end

-- The member at a dotted path, or `default`.
local function lookup(meta, path, default)
  if meta.plain[path] ~= nil then return read(meta, path) end
  local here, value = meta, nil
  for name in tostring(path):gmatch("[^.]+") do
    if not here or here.plain[name] == nil then return default end
    value = read(here, name)
    here = meta_of[value]
  end
  if value == nil then return default end
  return value
end

--- A stand-in for `plain`.
-- @param opts label (what its members are called in errors), path (its own name, "" for the outermost), where
--   (function that names the place of the reader), on_read (function(name) told of each read), text (what tostring
--   gives), methods (functions found beside the members), lazy (members made when first read: name -> function)
function frozen.table(plain, opts)
  local meta = {
    plain = plain, label = opts.label, path = opts.path, where = opts.where, on_read = opts.on_read,
    lazy = opts.lazy, children = setmetatable({}, { __mode = "k" }),
  }
  local methods = opts.methods
  local stand_in = setmetatable({}, {
    __metatable = "frozen",
    __index = function(_, key) return methods and methods[key] or read(meta, key) end,
    __newindex = function(_, key)
      fault.raise("playbook", meta.where and meta.where(), "%s '%s' cannot be changed here", meta.label,
        path_to(meta, key))
    end,
    __len = function() return #plain end,
    __call = function(_, path, default) return lookup(meta, path, default) end,
    __tostring = function() return opts.text or "table" end,
    __pairs = function(self) return frozen.pairs(self) end,
  })
  meta_of[stand_in] = meta
  return stand_in
end

local RANK = { number = 1, string = 2, boolean = 3 }

local function before(a, b)
  local ta, tb = type(a), type(b)
  if ta ~= tb then return RANK[ta] < RANK[tb] end
  if ta == "boolean" then return not a and b end
  return a < b
end

--- The keys of a table in the one order that is the same in every run.
function frozen.keys(t)
  local keys, kind, mixed = {}, nil, false
  for key in next, frozen.raw(t) do
    local its = type(key)
    if not RANK[its] then error(("a table with a %s as key has no order to walk it in"):format(its), 3) end
    mixed, kind = mixed or kind and kind ~= its or its == "boolean", its
    keys[#keys + 1] = key
  end
  table.sort(keys, mixed and before or nil)
  return keys
end

--- pairs() in that order.
function frozen.pairs(t)
  local keys, i = frozen.keys(t), 0
  return function()
    while true do
      i = i + 1
      local key = keys[i]
      if key == nil then return nil end
      local value
      if meta_of[t] then value = read(meta_of[t], key) else value = rawget(t, key) end
      if value ~= nil then return key, value end
    end
  end, t, nil
end

--- next() in that order; walking with it is quadratic, asking whether a table is empty is not.
function frozen.next(t, key)
  local best
  for candidate in next, frozen.raw(t) do
    if not RANK[type(candidate)] then return next(frozen.raw(t), key) end
    if (key == nil or before(key, candidate)) and (best == nil or before(candidate, best)) then best = candidate end
  end
  if best == nil then return nil end
  return best, t[best]
end

local COPY_MAX = 100

--- A deep, plain copy of any value, without metatables.
-- @param convert function(table) -> value|nil, asked first
function frozen.copy(v, convert, depth)
  if type(v) ~= "table" then return v end
  depth = depth or 1
  if depth > COPY_MAX then error(("a table that holds itself, or more than %d in each other"):format(COPY_MAX), 0) end
  v = frozen.raw(v)
  if convert then
    local converted = convert(v)
    if converted ~= nil then return converted end
  end
  local copy = {}
  for k, member in next, v do copy[k] = frozen.copy(member, convert, depth + 1) end
  return copy
end

return frozen
