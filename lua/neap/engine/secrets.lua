--- The values behind secret("name"): from a file that is nobody else's, or from the environment.
-- A file is Lua (`return { name = "value" }`), YAML (`name: value`) or lines `name=value`, told by its suffix. It must
-- not be readable by others. What is taken from here is a tainted value at once, and stands in no output.
local fault = require "neap.engine.fault"
local near = require "neap.near"
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
  if not chunk then fault.raise("usage", nil, "%s", message) end
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

local function read(path)
  check_mode(path)
  local text, message = sys.read_file(path)
  if not text then fault.raise("usage", nil, "secrets: %s", message) end
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

--- @param opts path = file or nil; placeholder = true: a secret that is not set is made up (for checks without any)
function Secrets.open(opts)
  local path = opts.path or sys.getenv("NEAP_SECRETS_FILE")
  if path == "" then path = nil end
  return setmetatable({ path = path, placeholder = opts.placeholder and not path }, Secrets)
end

local function variable_of(name) return "NEAP_SECRET_" .. name:upper():gsub("[^%w]", "_") end

--- The secret `name` as a tainted value.
-- @param where place that asks, for the error
function Secrets:get(name, where)
  if type(name) ~= "string" or name == "" then fault.raise("playbook", where, "secret wants a name: secret \"…\"") end
  self.values = self.values or (self.path and read(self.path) or {})
  local value = self.values[name]
  if value then return value end
  local set = sys.getenv(variable_of(name))
  if not set and self.placeholder then set = "placeholder-of-" .. name end
  if not set then
    fault.raise("playbook", where, "secret '%s' is not set%s: put it into %s or into %s", name,
      near.hint(name, self.values), self.path or "a file given by --secrets", variable_of(name))
  end
  self.values[name] = taint.new(set, name)
  return self.values[name]
end

return Secrets
