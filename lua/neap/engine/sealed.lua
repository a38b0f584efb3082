--- The file of a project's secrets, `secrets.sealed.yml`: names to be read, values sealed.
--
--     neap: secrets-1
--     recipients:                 who can open it: the file's key, boxed for each
--       alice: { public: neap-pub-1:…, box: neap-box-1:… }
--     check: neap-sealed-1:…      binds the recipients to the key: who is added by hand stands out
--     secrets:
--       app_db_password: neap-sealed-1:…
--
-- All values are sealed with the file's key, each bound to its name; equal values give equal lines, so that git shows
-- what changed. `rekey` makes a new key.
local crypto = require "neap.core.crypto"
local fault = require "neap.engine.fault"
local pair = require "neap.core.pair"
local plain = require "neap.plain"
local sys = require "neap.core.sys"
local yaml = require "neap.core.yaml"

local Sealed = {}
Sealed.__index = Sealed

Sealed.NAME = "secrets.sealed.yml"
local FORMAT = "secrets-1"
local KEY_BYTES = 32

local function fail(self, fmt, ...) fault.raise("usage", self.path, fmt, ...) end

local function sorted(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- The sealed file for a project: in `dir` or the nearest folder above it, not beyond the one that holds `.git` or
-- `.neap`. Nil where there is none.
function Sealed.find(dir)
  dir = sys.real_path(dir == "" and "." or dir)
  while dir and dir ~= "" do
    if sys.stat(dir .. "/" .. Sealed.NAME) then return dir .. "/" .. Sealed.NAME end
    if sys.stat(dir .. "/.git") or sys.stat(dir .. "/.neap") then return nil end
    dir = dir:match("^(.*)/[^/]*$")
  end
end

--- Whether a text is a sealed file.
function Sealed.is(text) return (text:find("^neap: secrets%-") or text:find("\nneap: secrets%-")) ~= nil end

function Sealed.check_name(name)
  if not name:find("^[%w_][%w_.-]*$") then
    fault.raise("usage", nil, "'%s' is no name of a secret: letters, digits, '_', '.' and '-'", name)
  end
end

--- Reads a sealed file; opens nothing yet.
function Sealed.read(path)
  local text, message = sys.read_file(path)
  if not text then fault.raise("usage", nil, "secrets: %s", message) end
  local self = setmetatable({ path = path, text = text }, Sealed)
  local values
  values, message = yaml.decode(text, path)
  if type(values) ~= "table" then fault.raise("usage", nil, "%s", message or path .. ": is empty") end
  values = plain(values)
  if values.neap ~= FORMAT then
    fail(self, "is of a format '%s' that this neap does not know", tostring(values.neap))
  end
  self.recipients, self.check, self.values = values.recipients or {}, values.check, values.secrets or {}
  for name, recipient in pairs(self.recipients) do
    if type(recipient) ~= "table" or type(recipient.public) ~= "string" or type(recipient.box) ~= "string" then
      fail(self, "recipient '%s' wants public and box", tostring(name))
    end
  end
  for name, value in pairs(self.values) do
    if type(name) ~= "string" or type(value) ~= "string" then fail(self, "secret '%s' is no text", tostring(name)) end
  end
  return self
end

-- Who is in, as text: what the check is bound to.
local function roll(self)
  local lines = {}
  for i, name in ipairs(sorted(self.recipients)) do lines[i] = name .. " " .. self.recipients[name].public end
  return "recipients\n" .. table.concat(lines, "\n")
end

--- Opens the file's key with the operator's own.
function Sealed:open(own)
  local public, mine = pair.public(own), nil
  for _, recipient in pairs(self.recipients) do
    if recipient.public == public then mine = recipient end
  end
  if not mine then
    fail(self, "is not sealed for your key (%s): a colleague can let you in with: neap secret rekey --add NAME=%s",
      public, public)
  end
  local raw, message = pair.open(own, mine.box, "file key")
  if not raw then fail(self, "%s", message) end
  self.raw, self.key = raw, crypto.key_of(raw)
  if type(self.check) ~= "string" or not crypto.unseal(self.key, self.check, roll(self)) then
    fail(self, "the recipients were not written by neap: look at its history before you trust it")
  end
  return self
end

--- A secret as a tainted value; nil where there is none of that name.
function Sealed:get(name)
  local text = self.values[name]
  if not text then return nil end
  local value, message = crypto.unseal(self.key, text, "secret\n" .. name, name)
  if not value then fail(self, "secret '%s': %s", name, message) end
  return require("neap.core.taint").new(value, name)
end

function Sealed:set(name, value)
  Sealed.check_name(name)
  self.values[name] = crypto.seal(self.key, value, "secret\n" .. name)
end

-- A new key for the file, boxed for all recipients, and everything sealed with it.
local function new_key(self, clear)
  self.raw = pair.random(KEY_BYTES, "file key")
  self.key = crypto.key_of(self.raw)
  for name, recipient in pairs(self.recipients) do
    local box, message = pair.box(recipient.public, self.raw)
    if not box then fault.raise("usage", nil, "recipient '%s': %s", name, message) end
    recipient.box = box
  end
  self.check = crypto.seal(self.key, "", roll(self))
  for name, value in pairs(clear) do self:set(name, value) end
end

--- A new file for these recipients { [name] = public }.
function Sealed.new(path, recipients)
  local self = setmetatable({ path = path, recipients = {}, values = {} }, Sealed)
  for name, public in pairs(recipients) do
    Sealed.check_name(name)
    self.recipients[name] = { public = public }
  end
  new_key(self, {})
  return self
end

--- Lets recipients in and out, and seals everything anew, so that who is out cannot read what comes.
-- @param add { [name] = public }, drop list of names
function Sealed:rekey(add, drop)
  local clear = {}
  for name in pairs(self.values) do clear[name] = self:get(name) end
  for _, name in ipairs(drop) do
    if not self.recipients[name] then fail(self, "there is no recipient '%s'", name) end
    self.recipients[name] = nil
  end
  for name, public in pairs(add) do
    Sealed.check_name(name)
    self.recipients[name] = { public = public }
  end
  if not next(self.recipients) then fail(self, "nobody could open it: a last recipient has to stay") end
  new_key(self, clear)
end

local function text_of(self)
  local lines = {
    "# Secrets, sealed by neap for the recipients below. Change it with `neap secret`.", "neap: " .. FORMAT,
    "recipients:",
  }
  local function add(fmt, ...) lines[#lines + 1] = fmt:format(...) end
  for _, name in ipairs(sorted(self.recipients)) do
    add("  \"%s\":\n    public: %s\n    box: %s", name, self.recipients[name].public, self.recipients[name].box)
  end
  add("check: %s\nsecrets:", self.check)
  for _, name in ipairs(sorted(self.values)) do add("  \"%s\": %s", name, self.values[name]) end
  return table.concat(lines, "\n") .. "\n"
end

--- Writes the file, unless somebody else has done so since it was read.
function Sealed:write()
  if (sys.read_file(self.path)) ~= self.text then fail(self, "was changed meanwhile: try again") end
  self.text = text_of(self)
  local ok, message = sys.write_file(self.path, self.text, 420) -- 0644
  if not ok then fault.raise("usage", nil, "%s", message) end
end

function Sealed:names() return sorted(self.values) end
function Sealed:recipient_names() return sorted(self.recipients) end

return Sealed
