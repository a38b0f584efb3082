--- What a type says of its attributes, and values held against it.
-- An attribute's schema: { type=, doc=, default=, required=, choices=, blob=, bytes=, option=, of=, readonly=,
--   describes=, or_false=, kept=, always=, reads= }
--   type      string integer number boolean mode list map any
--   default   a value, or a function(key, attrs)
--   of        what the members of a list are: "string" (default) or "any"
--   bytes     any bytes, as a blob may have; else a string is text, without NUL
--   option    says how a change is made; it is not compared with the host
--   recorded  false for an option that others are made of, and that a way back does not need; or a function(value)
--             that tells whether this one is
--   describes names the attribute that says what an option is about: it holds of what is there as long as that has the
--             value with which it was said
--   readonly  is found on hosts and cannot be declared
--   or_false  false is found, and recorded, where there is none of it; "declared": a playbook may say so too
--   kept      function(value): whether it can have been found or recorded, where not all that may be declared can
--   always    true where all that are there have one: a record without it is none
--   reads     names the attribute that receives the content of the project's file given here
-- A value is checked in the author's terms: errors name the attribute and what would be right.
local taint = require "neap.core.taint"
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local near = require "neap.near"

local schema = {}

local TYPES = { string = 1, integer = 1, number = 1, boolean = 1, mode = 1, list = 1, map = 1, any = 1 }

-- Lists of names that each resource of the type is looked through by: those that are filled in or must be given, those
-- that name a file, and those that each record has.
local function list_names(rtype)
  rtype.filled_names, rtype.reading_names, rtype.always_names = {}, {}, {}
  for _, name in ipairs(frozen.keys(rtype.attributes)) do
    local spec = rtype.attributes[name]
    if spec.default ~= nil or spec.required then table.insert(rtype.filled_names, name) end
    if spec.reads then table.insert(rtype.reading_names, name) end
    if spec.always then table.insert(rtype.always_names, name) end
  end
end

--- Completes a type in place: shorthands spelled out, mistakes of its author raised.
function schema.complete(rtype, name, path)
  local function wrong(fmt, ...) fault.raise("playbook", path, "type '%s': " .. fmt, name, ...) end
  if type(rtype) ~= "table" then wrong("the file must return a table") end
  if rtype.name ~= name then wrong("its name is '%s', its file's '%s'", tostring(rtype.name), name) end
  rtype.key = rtype.key or "name"
  rtype.attributes = rtype.attributes or {}
  for attribute, spec in pairs(rtype.attributes) do
    if type(spec) == "string" then spec = { type = spec } end
    if type(spec) ~= "table" or not TYPES[spec.type] then
      wrong("attribute '%s' has no known type%s", attribute, near.hint(tostring(spec.type or spec), TYPES))
    end
    rtype.attributes[attribute] = spec
  end
  list_names(rtype)
  for _, fn in ipairs { "probe", "steps" } do
    if type(rtype[fn]) ~= "function" and not (fn == "steps" and rtype.steps_batch) then
      wrong("it has no function '%s'", fn)
    end
  end
  return rtype
end

-- What a value is called in an error.
local function called(v)
  if taint.is(v) then return "a secret" end
  if type(v) == "string" then return ("'%s'"):format(#v > 40 and v:sub(1, 37) .. "..." or v) end
  if type(v) == "number" or type(v) == "boolean" then return tostring(v) end
  return type(v) == "table" and "a table" or "a " .. type(v)
end

local function no(wanted, v) return nil, ("wants %s, got %s"):format(wanted, called(v)) end

local convert = {}

-- Neither a shell nor a file of accounts can hold a NUL byte.
local function has_nul(v) return taint.reveal(v):find("\0", 1, true) ~= nil end

function convert.string(v, spec)
  if type(v) ~= "string" and not taint.is(v) then return no("a string", v) end
  if not spec.blob and not spec.bytes and has_nul(v) then return nil, "wants text, and got a NUL byte in it" end
  return v
end

function convert.integer(v)
  local n = math.type(v) and math.tointeger(v)
  if n then return n end
  return no("an integer", v)
end

function convert.number(v)
  if type(v) == "number" then return v end
  return no("a number", v)
end

function convert.boolean(v)
  if type(v) == "boolean" then return v end
  return no("true or false", v)
end

function convert.mode(v)
  if type(v) == "number" then
    return nil, ("wants a string such as \"0644\" (Lua has no octal numbers), got %s"):format(called(v))
  end
  if type(v) ~= "string" then return no("a mode such as \"0644\"", v) end
  if not v:find("^[0-7]?[0-7][0-7][0-7]$") then return no("a mode such as \"0644\"", v) end
  return #v == 3 and "0" .. v or v
end

function convert.list(v, spec)
  if type(v) == "string" or taint.is(v) then v = { v } end
  if type(v) ~= "table" then return no("a list", v) end
  local count = 0
  for _ in next, v do count = count + 1 end
  if count ~= #v then return no("a list", v) end
  for i, member in ipairs(v) do
    if (spec.of or "string") == "string" and type(member) ~= "string" and not taint.is(member) then
      return nil, ("wants a list of strings, and member %d is %s"):format(i, called(member))
    end
    if type(member) == "string" and has_nul(member) then
      return nil, ("wants text, and member %d has a NUL byte in it"):format(i)
    end
  end
  return v
end

function convert.map(v)
  if type(v) ~= "table" then return no("a table of name = value", v) end
  for k in next, v do
    if type(k) ~= "string" then return nil, ("wants a table of name = value, and has the key %s"):format(called(k)) end
  end
  return v
end

function convert.any(v) return v end

local function quoted(choices)
  local list = {}
  for i, choice in ipairs(choices) do list[i] = ("'%s'"):format(tostring(choice)) end
  return table.concat(list, ", ")
end

--- One value against its attribute's schema: the normalised value, or nil and what is wrong.
-- @param plain function(v) -> value|nil that turns references into what they stand for
function schema.value(spec, v, plain)
  if v == false and spec.or_false == "declared" then return false end
  local value, problem = convert[spec.type](frozen.copy(v, plain), spec)
  if problem then return nil, problem end
  if spec.choices then
    for _, choice in ipairs(spec.choices) do
      if value == choice then return value end
    end
    local hint = type(value) == "string" and near.hint(value, spec.choices) or ""
    return nil, ("wants one of %s, got %s%s"):format(quoted(spec.choices), called(value), hint)
  end
  return value
end

--- Whether a value that was not declared here (found once, and recorded) is of the attribute's type.
-- @return true; or false and what is wrong
function schema.holds(spec, v)
  if v == false and spec.or_false then return true end
  if spec.type == "list" and type(v) ~= "table" then return no("a list", v) end
  if spec.type == "integer" and math.type(v) ~= "integer" then return no("an integer", v) end
  local _, problem = convert[spec.type](v, spec)
  if not problem and spec.kept and not spec.kept(v) then problem = "is not in the form that neap gives it" end
  return problem == nil, problem
end

local function key_objection(rtype, key)
  local ok, problem = pcall(rtype.check_key or type, key)
  if ok then return nil end
  if not fault.is_sentence(problem) then error(problem, 0) end
  return "the key as it is recorded: " .. fault.plain(problem)
end

--- What is wrong with a resource that was not declared here (found once, and recorded), or nil.
-- @param is_there whether it is one of a resource that is there
function schema.objection(rtype, key, attrs, is_there)
  for name, value in pairs(attrs) do
    local spec = rtype.attributes[name]
    local ok, problem = true, nil
    if spec then ok, problem = schema.holds(spec, value) end
    if not ok then return ("'%s' as it is recorded %s"):format(name, problem) end
  end
  for _, name in ipairs(is_there and rtype.always_names or {}) do
    if attrs[name] == nil then return ("'%s' as it is recorded is missing"):format(name) end
  end
  return key_objection(rtype, key)
end

--- Fills in, of what is to be absent, the options that all have which are there: it may be there, and come back.
function schema.fill_absent(rtype, attrs)
  for _, name in ipairs(rtype.always_names) do
    local spec = rtype.attributes[name]
    if attrs[name] == nil and spec.option then attrs[name] = spec.default end
  end
end

--- Fills in defaults and finds what is missing.
-- @return the name of a required attribute that is not there, or nil
function schema.fill(rtype, key, attrs)
  for _, name in ipairs(rtype.filled_names) do
    local spec = rtype.attributes[name]
    if attrs[name] == nil and spec.default ~= nil then
      if type(spec.default) == "function" then
        attrs[name] = spec.default(key, attrs)
      else
        attrs[name] = frozen.copy(spec.default)
      end
    end
    if attrs[name] == nil and spec.required then return name end
  end
end

return schema
