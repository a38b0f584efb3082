--- The variables of a host, laid over each other, and where each came from.
--     defaults.lua < inventory < groups < host < -e
-- A table of names is merged name by name, so that one port can be set and the rest left; a list, an empty table and
-- any other value replace what was there.
local fault = require "neap.engine.fault"
local near = require "neap.near"
local plain = require "neap.plain"
local taint = require "neap.core.taint"

local variables = {}

local function is_map(v)
  return type(v) == "table" and next(v) ~= nil and v[1] == nil
end

local function path_to(prefix, name) return prefix == "" and name or prefix .. "." .. name end

local function forget(origins, path)
  origins[path] = nil
  for other in pairs(origins) do
    if other:sub(1, #path + 1) == path .. "." then origins[other] = nil end
  end
end

local function lay(onto, vars, label, origins, prefix)
  for name, value in pairs(vars) do
    local path = path_to(prefix, tostring(name))
    if is_map(value) then
      if not is_map(onto[name]) then
        if onto[name] ~= nil then forget(origins, path) end
        onto[name] = {}
      end
      lay(onto[name], value, label, origins, path)
    else
      if onto[name] ~= nil then forget(origins, path) end
      onto[name] = value
      origins[path] = label
    end
  end
end

--- Merges layers { label=, vars= }, the weakest first.
-- @return merged variables, { ["app.port"] = label }
function variables.merge(layers)
  local merged, origins = {}, {}
  for _, layer in ipairs(layers) do lay(merged, layer.vars, layer.label, origins, "") end
  return merged, origins
end

local function at(vars, path)
  local value = vars
  for name in path:gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[name]
  end
  return value
end

local function names_in(vars, prefix, names)
  for name, value in pairs(vars) do
    local path = path_to(prefix, tostring(name))
    names[#names + 1] = path
    if is_map(value) then names_in(value, path, names) end
  end
  return names
end

local function number_of(text, path, like)
  local number = tonumber(text)
  if not number or math.type(like) == "integer" and math.type(number) ~= "integer" then
    fault.raise("usage", nil, "-e %s=%s: elsewhere '%s' is a%s number", path, text, path,
      math.type(like) == "integer" and " whole" or "")
  end
  return number
end

-- Text of the command line as a value like the one that it replaces.
local function like(text, old, path)
  if type(old) == "number" then return number_of(text, path, old) end
  if type(old) == "boolean" then
    if text ~= "true" and text ~= "false" then
      fault.raise("usage", nil, "-e %s=%s: '%s' is true or false", path, text, path)
    end
    return text == "true"
  end
  if type(old) == "string" or taint.is(old) then return text end
  if type(old) == "table" or text:find("^[%[{]") then
    local value, message = require("neap.core.json").decode(text)
    if value == nil then fault.raise("usage", nil, "-e %s: wants JSON: %s", path, message) end
    return plain(value)
  end
  if text == "true" or text == "false" then return text == "true" end
  return math.tointeger(tonumber(text)) or text
end

--- Lays `-e name=text` over merged variables; a name may be dotted. A name that no layer has, but is near to one that
-- is there, is an error (unless `lenient`: more layers are to come below).
function variables.extra(merged, origins, extra, lenient)
  local paths = {}
  for path in pairs(extra or {}) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local text = extra[path]
    local old = at(merged, path)
    if old == nil and not lenient then
      local hint = near.hint(path, names_in(merged, "", {}))
      if hint ~= "" then fault.raise("usage", nil, "-e %s: no variable of that name is set%s", path, hint) end
    end
    local layer, names = {}, {}
    for name in path:gmatch("[^.]+") do names[#names + 1] = name end
    if not names[1] then fault.raise("usage", nil, "-e %s=%s: '%s' is no name of a variable", path, text, path) end
    local inner = layer
    for i = 1, #names - 1 do
      inner[names[i]] = {}
      inner = inner[names[i]]
    end
    inner[names[#names]] = like(text, old, path)
    lay(merged, layer, "-e", origins, "")
  end
end

return variables
