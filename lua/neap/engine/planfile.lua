--- The file that a saved plan is: one line that anybody may read, and one that is sealed with the project's key.
--
--     neap-plan-1 {"id":…,"made":…,"expires":…,"state":…}
--     neap-sealed-1:…
--
-- The seal is authenticated, with the first line as its context: a file that was cut short, changed or made for another
-- project does not open. Secrets in the plan are in the seal, and nowhere else.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local base64 = require "neap.base64"
local fault = require "neap.engine.fault"
local project = require "neap.engine.project"
local shape = require "neap.engine.shape"

local planfile = {}

local MAGIC = "neap-plan-1 "
local PRIVATE_FILE = 384 -- 0600
local HEAD = { id = "string", made = "integer", expires = "integer", state = "string" }
local SECRET, BYTES = "$neap-secret", "$neap-bytes"

-- Of a resource, what its type and its declaration are told by is not written, nor who has changed it meanwhile.
local LEFT_OUT = { rtype = true, declaration = true, mentions = true, contested = true }

local function string_told(text)
  if utf8.len(text) and not text:find("%z") then return text end
  return { [BYTES] = crypto.base64(text) }
end

-- Where the first of the secrets stands in a text: from, to, its name.
local function first_secret(text, values, at)
  local from, to, found
  for name, value in pairs(values) do
    local a, b = text:find(value, at, true)
    if a and (not from or a < from or a == from and b > to) then from, to, found = a, b, name end
  end
  return from, to, found
end

-- A text with secrets in it, piece by piece, so that what is no secret can be shown; as one piece where the secrets
-- are not all known by their names.
local function secret_told(value, known)
  local text, names, values = taint.reveal(value), taint.names(value), {}
  for _, name in ipairs(names) do
    local secret = known and known[name]
    if not secret or taint.length(secret) == 0 then
      return { [SECRET] = json.array { string_told(text) }, names = json.array { table.concat(names, ", ") } }
    end
    values[name] = taint.reveal(secret)
  end
  local pieces, of, at = {}, {}, 1
  while true do
    local from, to, name = first_secret(text, values, at)
    pieces[#pieces + 1], of[#of + 1] = string_told(text:sub(at, (from or 0) - 1)), ""
    if not from then return { [SECRET] = json.array(pieces), names = json.array(of) } end
    pieces[#pieces + 1], of[#of + 1] = string_told(text:sub(from, to)), name
    at = to + 1
  end
end

--- A value as JSON can say it: secrets and what is no text as tables of their own, without what is a function.
-- @param known { [name] = secret }
function planfile.plain(value, known)
  if taint.is(value) then return secret_told(value, known) end
  if type(value) == "string" then return string_told(value) end
  if type(value) == "function" then return nil end
  if type(value) ~= "table" then return value end
  local out = {}
  for k, v in pairs(value) do
    if not LEFT_OUT[k] then out[k] = planfile.plain(v, known) end
  end
  return (value[1] ~= nil or json.is_array(value)) and json.array(out) or out
end

-- What secret_told has told, or nil.
local function secret_of(plain)
  local pieces, names = {}, plain.names
  if not shape.fits(names, { "list", "string" }) or not json.is_array(plain[SECRET]) or #plain[SECRET] ~= #names then
    return nil
  end
  for i, piece in ipairs(plain[SECRET]) do
    local text, name = planfile.value(piece), names[i]
    if type(text) ~= "string" then return nil end
    pieces[i] = name == "" and text or #plain.names == 1 and taint.wrap(text, name) or taint.new(text, name)
  end
  return taint.concat(pieces)
end

--- The value that planfile.plain has told.
function planfile.value(plain)
  if type(plain) ~= "table" then return plain end
  if type(plain[BYTES]) == "string" then return base64.decode(plain[BYTES]) end
  if plain[SECRET] then return secret_of(plain) end
  local out = {}
  for k, v in pairs(plain) do out[k] = planfile.value(v) end
  return json.is_array(plain) and json.array(out) or out
end

--- Writes `body` (see planfile.plain) under `head`.
function planfile.write(path, opts, head, body)
  local _, key = project.create(opts)
  head.state = sys.real_path(project.place(opts))
  local line = MAGIC .. json.encode(head)
  local sealed = crypto.seal(key, json.encode(body), line)
  local ok, message = sys.write_file(path, line .. "\n" .. sealed .. "\n", PRIVATE_FILE)
  if not ok then fault.raise("usage", nil, "the plan was not saved: %s", message) end
end

--- Whether the file at `path` is a saved plan.
function planfile.is(path)
  local file = io.open(path, "rb")
  if not file then return false end
  local start = file:read(#MAGIC)
  file:close()
  return start ~= nil and start:sub(1, 10) == MAGIC:sub(1, 10)
end

--- Raises the fault that the file at `path` cannot be carried out.
function planfile.broken(path, why)
  fault.raise("usage", nil, "'%s' is no plan that can be carried out: %s; make a new one with neap plan -o", path, why)
end
local broken = planfile.broken

local function split(path)
  local text, message = sys.read_file(path)
  if not text then fault.raise("usage", nil, "%s", message) end
  local line, sealed = text:match("^([^\n]*)\n([^\n]*)\n$")
  if not line then broken(path, "it is not complete") end
  if line:sub(1, #MAGIC) ~= MAGIC then broken(path, "another version of neap has made it") end
  local head = json.decode(line:sub(#MAGIC + 1))
  if not shape.fits(head, HEAD) then broken(path, "its first line was changed") end
  return line, sealed, head
end

--- Reads it, and sets opts.state to the repository that it was made for.
-- @return head, body
function planfile.read(path, opts)
  local line, sealed, head = split(path)
  opts.state = opts.state or head.state
  local key = project.key(opts)
  if not key then broken(path, ("the key that it was sealed with is not beside '%s'"):format(opts.state)) end
  local text, message = crypto.unseal(key, sealed, line, "plan")
  if not text then broken(path, ("it was changed, or sealed with the key of another project (%s)"):format(message)) end
  return head, json.decode(taint.reveal(text))
end

return planfile
