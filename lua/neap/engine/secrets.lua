--- The values behind secret("name"): from the project's sealed file (neap.engine.sealed), from a plain file that is
-- nobody else's, or from the environment.
-- A plain file is Lua (`return { name = "value" }`), YAML (`name: value`) or lines `name=value`, told by its suffix. It
-- must not be readable by others. What is taken from here is a tainted value at once, and stands in no output.
local fault = require "neap.engine.fault"
local keys = require "neap.engine.keys"
local near = require "neap.near"
local private = require "neap.core.private"
local Sealed = require "neap.engine.sealed"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"

local Secrets = {}
Secrets.__index = Secrets

local OTHERS = 63 -- 0077

local function from_lines(text, path)
  local values, number = {}, 0
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if line:find("%S") and not line:find("^%s*#") then
      local name, value = line:match("^%s*([%w_.-]+)%s*=%s*(.-)%s*$")
      if not name then fault.raise("usage", ("%s:%d"):format(path, number), "wants name=value") end
      values[name] = value:match('^"(.*)"$') or value:match("^'(.*)'$") or value
    end
  end
  return values
end

local function from_lua(text, path)
  local chunk, message = load(text, "@" .. path, "t", {})
  -- what Lua found it near may be a secret
  if not chunk then fault.raise("usage", nil, "%s", (message:gsub(" near .*$", ""))) end
  local ok, values = pcall(chunk)
  if not ok or type(values) ~= "table" then fault.raise("usage", path, "must return a table { name = \"value\" }") end
  return values
end

local function from_yaml(text, path)
  local values, message = require("neap.core.yaml").decode(text, path)
  if type(values) ~= "table" then fault.raise("usage", nil, "%s", message or path .. ": wants name: value") end
  return require("neap.plain")(values)
end

local READERS = { lua = from_lua, yml = from_yaml, yaml = from_yaml }

local function check_mode(path)
  local st, message = sys.stat(path)
  if not st then fault.raise("usage", nil, "secrets: %s", message) end
  if st.mode & OTHERS ~= 0 then
    fault.raise("usage", path, "others may read these secrets (mode %04o): chmod 600 %s", st.mode, path)
  end
end

-- A sealed file: each value is opened when it is asked for. Without a key, where made-up values will do, they are.
local function read_sealed(path, placeholder)
  local file = Sealed.read(path)
  local own = placeholder and not keys.find()
  if own then
    local made_up = {}
    for name in pairs(file.values) do made_up[name] = taint.new("placeholder-of-" .. name, name) end
    return made_up
  end
  file:open(keys.need())
  return setmetatable({}, {
    __index = function(values, name)
      local value = file:get(name)
      rawset(values, name, value)
      return value
    end,
    __pairs = function() return next, file.values end,
  })
end

local function read(path, placeholder)
  local text, message = sys.read_file(path)
  if not text then fault.raise("usage", nil, "secrets: %s", message) end
  if Sealed.is(text) then return read_sealed(path, placeholder) end
  check_mode(path)
  local values = (READERS[path:match("%.(%w+)$")] or from_lines)(text, path)
  local secrets = {}
  for name, value in pairs(values) do
    if type(value) ~= "string" and math.type(value) ~= "integer" then
      fault.raise("usage", path, "secret '%s' must be a string, not a %s", tostring(name), type(value))
    end
    secrets[name] = taint.new(tostring(value), name)
  end
  return secrets
end

--- @param opts path = file or nil; dir = folder of the project, where a sealed file is looked for; placeholder = true:
-- a secret that is not set is made up (for checks without any)
function Secrets.open(opts)
  local path = opts.path or sys.getenv("NEAP_SECRETS_FILE")
  if path == "" then path = nil end
  path = path or opts.dir and Sealed.find(opts.dir)
  return setmetatable({ path = path, placeholder = opts.placeholder }, Secrets)
end

local function variable_of(name) return "NEAP_SECRET_" .. name:upper():gsub("[^%w]", "_") end

local taken = {} -- from the environment, where a variable is found once only

local function from_environment(name)
  local variable = variable_of(name)
  taken[variable] = taken[variable] or private.environment(variable, name)
  return taken[variable]
end

--- The secret `name` as a tainted value.
-- @param where place that asks, for the error
function Secrets:get(name, where)
  if type(name) ~= "string" or name == "" then fault.raise("playbook", where, "secret wants a name: secret \"…\"") end
  if not self.values then
    self.values = self.path and read(self.path, self.placeholder) or {}
    self.is_sealed = getmetatable(self.values) ~= nil
  end
  local value = self.values[name] or from_environment(name)
  if not value and self.placeholder and not self.path then value = taint.new("placeholder-of-" .. name, name) end
  if not value then
    local path = self.path or "a file given by --secrets"
    local how = self.is_sealed and "run neap secret set " .. name .. ", or put it into"
      or "put it into " .. path .. " or into"
    local sealed = self.path and "" or ", or keep it sealed in the project (neap secret init)"
    fault.raise("playbook", where, "secret '%s' is not set%s: %s %s%s", name, near.hint(name, self.values), how,
      variable_of(name), sealed)
  end
  self.values[name] = value
  return value
end

return Secrets
