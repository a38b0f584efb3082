--- The operator's own key: from NEAP_KEY_FILE, NEAP_KEY, NEAP_KEY_COMMAND, or the file that `neap secret keygen` makes.
local fault = require "neap.engine.fault"
local pair = require "neap.core.pair"
local private = require "neap.core.private"
local sys = require "neap.core.sys"

local keys = {}

local function set(name)
  local value = sys.getenv(name)
  return value ~= "" and value or nil
end

--- Where a new key is put: where NEAP_KEY_FILE will look for it, else the usual place.
function keys.own_path() return set("NEAP_KEY_FILE") or keys.default_path() end

--- Where the key stands where nothing else is said.
function keys.default_path()
  local config = set("XDG_CONFIG_HOME") or (set("HOME") or "/root") .. "/.config"
  return config .. "/neap/key"
end

local function must(found, message, code)
  if not found then fault.raise("usage", nil, "%s", message) end
  return found, code
end

local function find()
  local path = set("NEAP_KEY_FILE")
  if path then
    local own, message, code = pair.load(path)
    local remedy = code == "notfound" and " (NEAP_KEY_FILE): make it with 'neap secret keygen'" or ""
    return own or fault.raise("usage", nil, "%s%s", message, remedy)
  end
  local text = private.environment("NEAP_KEY", "key")
  if text then return must(pair.parse("NEAP_KEY", text)) end
  local command = set("NEAP_KEY_COMMAND")
  if command then return must(pair.parse("what NEAP_KEY_COMMAND prints", must(private.output(command, "key")))) end
  local own, message, code = pair.load(keys.default_path())
  if not own and code ~= "notfound" then fault.raise("usage", nil, "%s", message) end
  return own
end

local own -- found once a process: NEAP_KEY is gone after the first look

--- The key, or nil where there is none.
function keys.find()
  own = own or find()
  return own
end

--- The key; raises a fault that says what to do where there is none.
function keys.need()
  return keys.find() or fault.raise("usage", nil, "no key to open secrets with: make one with 'neap secret keygen' "
    .. "(it becomes '%s'), or set NEAP_KEY_FILE, NEAP_KEY or NEAP_KEY_COMMAND", keys.default_path())
end

return keys
