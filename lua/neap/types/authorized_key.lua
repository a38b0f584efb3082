--- A key that lets somebody log in as a user, in the user's ~/.ssh/authorized_keys.
-- What is ours is the key itself: its options and its comment may change.
-- @usage authorized_key "ada's laptop" { user = "deploy", key = "ssh-ed25519 AAAAC3… ada@laptop" }
-- @usage authorized_key "backup" { user = "root", key = pubkey, options = 'command="/usr/bin/backup",restrict' }
-- @usage absent.authorized_key "old laptop" { user = "deploy", key = "ssh-rsa AAAAB3…" }
local edit = require "neap.edit"
local look = require "neap.look"
local names = require "neap.user_names"
local place = require "neap.place"
local sh = require "neap.sh"
local taint = require "neap.core.taint"

local authorized_key = {
  name = "authorized_key", key = "name", atomic = true,
  attributes = {
    user = { type = "string", required = true, always = true, doc = "Whom it lets in." },
    key = { type = "string", required = true, always = true,
      doc = "The public key: its type, the key, and a comment if you like." },
    path = { type = "string", readonly = true, doc = "The file that it stands in." },
    options = { type = "string", default = "", always = true,
      doc = "Options before the key, such as restrict or from=\"10.0.0.0/8\"." },
    stood = edit.STOOD,
  },
  equal = { stood = edit.anywhere },
}

local function blob_of(key) return key:match("^%s*[%w@.-]+%s+([%w+/]+=*)") end

function authorized_key.check(_, attrs)
  names.check(attrs.user)
  if attrs.key:find("[%c]") or not blob_of(attrs.key) then
    error("'key' is one line of a .pub file: ssh-ed25519 AAAA… comment", 0)
  end
  if attrs.options:find("%c") then error("'options' is one line", 0) end
  attrs.key = attrs.key:match("^%s*(.-)%s*$"):gsub("%s+", " ")
  return attrs
end

--- Which key its label stands for, and whose.
function authorized_key.denotes(_, attrs)
  return attrs.user and attrs.key and attrs.user .. "\0" .. (blob_of(attrs.key) or attrs.key)
end

function authorized_key.depends(_, attrs)
  return { "user:" .. attrs.user, "file:/home/" .. attrs.user .. "/.ssh/authorized_keys" }
end

local function path_of(host, name)
  local line = host:getent("passwd", name)
  if not line then return nil end
  return line:match("^[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:([^:]*)") .. "/.ssh/authorized_keys"
end

--- A line of the file as attributes: what stands before the key's type is options, where blanks may stand in quotes.
local function attrs_of(line, blob, name)
  local at = line:find(blob, 1, true)
  local before, rest = line:sub(1, at - 1):match("^%s*(.-)%s*([^%s]+)%s+$")
  if not rest then return { user = name, key = line, options = "" } end
  local key = (rest .. " " .. line:sub(at)):gsub("%s+", " "):gsub("%s$", "")
  return { user = name, key = key, options = before }
end

--- The file that it is a part of.
function authorized_key.inside(_, attrs) return attrs.path end

function authorized_key.probe(host, key, want, attrs)
  attrs = want or attrs
  if not attrs or not attrs.user or not attrs.key then look.fail("authorized_key '%s': say its user and key", key) end
  local blob = blob_of(attrs.key)
  if not blob then look.fail("authorized_key '%s': 'key' is one line of a .pub file", key) end
  local path = path_of(host, attrs.user)
  if not path then
    if not want then return nil end
    host:missing("there is no user '%s' and no resource makes one: declare user \"%s\"", attrs.user, attrs.user)
  end
  local content = host:content(path)
  local text = taint.reveal(content or "")
  local mine = edit.find(text, "word", { blob })
  if not mine then return nil, not content and { file = false } or nil end
  local found = attrs_of(mine[1], blob, attrs.user)
  found.path, found.stood = path, edit.stood(text, "word", { blob })
  return found
end

-- Opens the user's ~/.ssh: the one place where a script enters a directory that its owner may move about.
local function open(name)
  return place.FUNCTIONS .. "home=~" .. name .. "\n" .. sh([[
[ -d "$home" ] || fail %s
enter "$home"
[ ! -h ./.ssh ] || fail "'$top/.ssh' is a symbolic link, and is not followed"
if [ ! -d ./.ssh ]; then ( n=.ssh; work; mkdir ./.ssh && chown -h -- %s ./.ssh || exit 1; put ) || exit 1; fi
enter "$top/.ssh"
n=authorized_keys
]], ("user '%s' has no home directory on this host"):format(name), name .. ":")
end

function authorized_key.last_line(_, attrs) return (attrs.options ~= "" and attrs.options .. " " or "") .. attrs.key end

local function change_of(change)
  local to, from = change.to, change.from
  local attrs, lines = to or from, {}
  if to then lines[1] = authorized_key.last_line(nil, to) end
  return {
    how = "word", there = from ~= nil, marks = { blob_of(attrs.key) }, groups = edit.groups(change, lines),
    create = true, unmake = edit.unmakes(change), owner = attrs.user, group = "", mode = "0600",
  }, attrs.user
end

function authorized_key.steps(key, change)
  local how, name = change_of(change)
  local title = ("%s key '%s' of %s"):format(change.to and "write" or "remove", key, name)
  return { edit.step("authorized_keys of " .. name, how, title, open(name)) }
end

function authorized_key.effects(key, change, model)
  local how, name = change_of(change)
  local line = model:get("getent", { "passwd", name })
  local path = line and path_of({ getent = function() return line end }, name)
  if path then edit.effects(model, path, how, "authorized_key:" .. key) end
end

return authorized_key
