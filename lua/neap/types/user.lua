--- A Unix user.
-- What is not said stays as it is; a new user gets a group of the same name and, unless it is a system user, a home.
-- The password is a hash as crypt(3) makes it, and a secret. `root` is never taken away, nor the user that Neap logs
-- in as.
-- @usage user "deploy" { groups = { "www-data" }, shell = "/bin/bash", password = secret("deploy_hash") }
-- @usage user "app" { system = true, home = "/srv/app", create_home = false }
local accounts = require "neap.look"
local names = require "neap.user_names"
local numbers = require "neap.numbers"
local owners = require "neap.owners"
local sh = require "neap.sh"
local taint = require "neap.core.taint"
local user_back = require "neap.user_back"
local user_home = require "neap.user_home"
local vital = require "neap.vital"

-- What others are told of is no secret.
local function is_open(text) return type(text) == "string" end

local user = {
  name = "user", key = "name", check_key = vital.check_account,
  attributes = {
    uid = { type = "integer", doc = "Its number; when not given, the host picks one." },
    group = { type = "string", kept = is_open, doc = "Name or number of its primary group." },
    groups = { type = "list", doc = "All further groups; the user leaves any other." },
    comment = { type = "string", doc = "The full name, or what the user is for." },
    home = { type = "string", kept = is_open, doc = "The home directory." },
    shell = { type = "string", doc = "The login shell; a new system user's is /usr/sbin/nologin." },
    password = { type = "string", or_false = true, doc = "The hash of its password, as crypt(3) makes it; a secret." },
    locked = { type = "boolean", doc = "Whether its password is locked; keys still let in." },
    expires = { type = "string", or_false = "declared",
      doc = "The day from which the account is closed, such as \"2030-01-31\"; false: none." },
    system = { type = "boolean", option = true, doc = "Make a new user a system user: low number, no home." },
    create_home = { type = "boolean", option = true,
      doc = "Make a new user's home; true unless it is a system user." },
    disabled = { type = "boolean", readonly = true,
      doc = "Whether the account has been closed by a rollback that could not remove it." },
    own_gid = { type = "integer", readonly = true, doc = "The number of the group of its name, where there is one." },
    sharing = { type = "list", readonly = true, doc = "Who else had its number when it was to go." },
    homed = { type = "string", or_false = true, readonly = true,
      doc = "Whose its home directory was found to be, \"own\" or \"another's\"; false: there was none." },
    remove_home = { type = "boolean", option = true,
      doc = "When it is to be absent: take its home and mail away too, unless the home is another's." },
  },
  -- of one who is there, the home stays as it is, and so do others
  equal = { homed = function() return true end, sharing = function() return true end },
}

local function one_line(value, what)
  if value and value:find("[:\n]") then error(("'%s' cannot hold a colon or a newline"):format(what), 0) end
end

local function check_expires(day)
  local year, month, date = (day or "2030-01-31"):match("^(%d%d%d%d)-(%d%d)-(%d%d)$")
  local at = year and os.time { year = year, month = month, day = date, hour = 12 }
  if not at or os.date("%Y-%m-%d", at) ~= (day or "2030-01-31") then
    error(("expires is a day, such as 2030-01-31, and not '%s'"):format(day), 0)
  end
end

local function check_password(attrs)
  local password = attrs.password
  if not password then
    if attrs.locked == false then error("locked = false wants a password: without one nothing can be unlocked", 0) end
    return
  end
  local hash = taint.reveal(password)
  if not hash:find("^[%w./$_=,+*-]+$") or #hash < 13 then
    error("password is a hash as crypt(3) makes it: openssl passwd -6 prints one", 0)
  end
  if not taint.is(password) then attrs.password = taint.wrap(password, "password") end
end

--- Sorted, each once.
local function as_set(list)
  local seen, set = {}, {}
  for _, name in ipairs(list) do
    names.check(name)
    if not seen[name] then
      seen[name] = true
      set[#set + 1] = name
    end
  end
  table.sort(set)
  return set
end

function user.check(_, attrs)
  one_line(attrs.comment, "comment")
  one_line(attrs.home, "home")
  one_line(attrs.shell, "shell")
  if attrs.group then names.or_number(attrs.group) end
  if attrs.groups then attrs.groups = as_set(attrs.groups) end
  check_password(attrs)
  check_expires(attrs.expires)
  attrs.disabled = false
  return attrs
end

function user.depends(_, attrs)
  local ids = {}
  if attrs.group then ids[1] = "group:" .. attrs.group end
  for _, name in ipairs(attrs.groups or {}) do ids[#ids + 1] = "group:" .. name end
  if attrs.home then ids[#ids + 1] = "directory:" .. (attrs.home:match("^(.+)/[^/]+$") or "/") end
  return ids
end

--- What it needs by its name alone, whatever number that has: further groups, but for one that is its primary one, too.
function user.by_name(_, attrs)
  local ids = {}
  for _, name in ipairs(attrs.groups or {}) do ids[#ids + 1] = name ~= attrs.group and "group:" .. name or nil end
  return ids
end

--- Whose number the files in his home have.
function user.numbered(_, attrs) return attrs.group and { "group:" .. attrs.group } or {} end

--- What only one account can have.
function user.numbers(_, attrs)
  local taken = {}
  if attrs.uid then taken[1] = "uid " .. attrs.uid end
  if attrs.own_gid then taken[#taken + 1] = "gid " .. attrs.own_gid end
  return taken
end

--- The primary group, if it is asked for: by number where that number is wanted, else by name.
local function primary(host, gid, want)
  if want and (not want.group or accounts.is_number(want.group, tonumber(gid))) then return want.group end
  local line = host:getent("group", gid)
  return line and line:match("^[^:]+") or gid
end

-- Who else has his number: asked where he may give that up, and wherever it was known.
local function sharing(host, key, uid, want)
  if want and not want.sharing and (want.uid or uid) == uid then return nil end
  local others = user_back.sharing(host, key, uid)
  return (others[1] or want and want.sharing) and others or nil
end

function user.probe(host, key, want, attrs)
  local look_at_password = not want or want.password or want.locked ~= nil
  host:expect("groups", key)
  host:expect("shadow", key)
  host:expect("stat", want and want.home or "/home/" .. key)
  host:expect("getent", "group", key)
  if want and want.group then host:expect("getent", "group", want.group) end
  local line = host:getent("passwd", key)
  if not line then return nil, user_back.around(host, key, want) end
  local uid, gid, comment, home, shell = line:match("^[^:]*:[^:]*:(%d*):(%d*):([^:]*):([^:]*):([^:]*)$")
  local found = {
    uid = math.tointeger(tonumber(uid)), comment = comment, home = home, shell = shell,
    remove_home = attrs and attrs.remove_home,
  }
  found.homed = user_home.whose(host:stat(home), key, found.uid)
  found.group = gid ~= "" and primary(host, gid, want) or want and want.group
  local own = host:getent("group", key)
  found.own_gid = own and math.tointeger(tonumber(own:match("^[^:]*:[^:]*:(%d+)"))) or nil
  found.sharing = sharing(host, key, found.uid, want)
  if not want or want.groups then found.groups = host:groups(key) end
  local shadow = host:shadow(key)
  found.disabled = shadow ~= nil and shadow.disabled or false
  if shadow and (not want or want.expires ~= nil) then found.expires = shadow.expires end
  if shadow and look_at_password then found.password, found.locked = shadow.password or false, shadow.locked end
  return found
end

function user.foresee(host, key, change)
  local from, to = change.from or {}, change.to
  numbers.foresee(host, "passwd", key, change, "uid")
  user_home.foresee(host, key, change)
  if to.group ~= from.group then accounts.account(host, "group", to.group) end
  for _, name in ipairs(to.groups or {}) do
    if name ~= key then accounts.account(host, "group", name) end
  end
end

--- One who runs something cannot go, nor a home with something mounted in it.
function user.foresee_delete(host, key, change, model)
  local left = model.sweeps and {} or user_back.running(host:processes(key), model)
  local some = table.concat(left, ", ", 1, math.min(3, #left))
  if left[1] then accounts.fail("'%s' runs %s: stop that first", key, some) end
  local why = not model.sweeps and user_home.obstacle(host, change.from)
  if why then accounts.fail("%s", why) end
  table.insert(change.notes or {}, user_home.stays(change.from))
end

local function option(flag, value) return value and sh(" %s %s", flag, tostring(value)) or "" end

local function account(to, differs)
  local function given(name) return (not differs or differs[name]) and to[name] or nil end
  local groups, uid = given("groups"), given("uid")
  return option("-u", uid) .. (uid and to.sharing and " -o" or "") .. option("-g", given "group") ..
    option("-G", groups and table.concat(groups, ",")) ..
    option("-c", given "comment") .. option("-d", given "home") .. option("-s", given "shell")
end

--- The password, before it is locked or unlocked: chpasswd unlocks.
local function password_steps(key, to, differs)
  local steps = {}
  if to.password == false and (differs.password or differs.locked and not to.locked) then
    return { sh("usermod -p %s %s", to.locked == false and "" or "!", key) }
  end
  if to.password and differs.password then
    steps[1] = {
      run = "chpasswd -e", stdin = taint.wrap(key .. ":" .. taint.reveal(to.password) .. "\n", "password"),
      title = "set the password of " .. key,
    }
  end
  if differs.locked or to.locked and differs.password then
    steps[#steps + 1] = sh("usermod %s %s", to.locked and "-L" or "-U", key)
  end
  return steps
end

-- Closed to passwords, keys and cron alike; the hash stays, behind a mark.
local CLOSE, OPEN = "usermod -L -e 1 %s", [[
usermod -e '' %s || exit 1
case $(getent shadow %s | cut -d: -f2) in '!'?*) usermod -U %s ;; esac
]]

-- The group of the same name, with the number that it had.
local function own_group(key, gid)
  return sh("gid=$(getent group %s | cut -d: -f3)\n", key) ..
    sh('if [ -z "$gid" ]; then groupadd -g %d %s; ', gid, key) ..
    sh('elif [ "$gid" != %d ]; then groupmod -g %d %s; fi || exit 1\n', gid, gid, key)
end

local function add(key, to, aside)
  local home = to.create_home
  if home == nil then home = not to.system end
  local made = {}
  for name, value in pairs(to) do made[name] = value end
  made.shell = to.shell or to.system and "/usr/sbin/nologin" or nil
  if not to.own_gid and to.group == key then made.group = nil end
  local text = aside .. (to.own_gid and own_group(key, to.own_gid) or "")
  local flags = (to.system and " -r" or "") .. (home and " -m" or " -M") .. account(made)
  if made.group then return text .. "useradd" .. flags .. sh(" %s", key) end
  -- a group of the same name may be there already
  return text .. sh("if getent group %s >/dev/null; then set -- -g %s; else set -- -U; fi\n", key, key) ..
    "useradd" .. flags .. sh(' "$@" %s', key)
end

function user.steps(key, change)
  local to, differs = change.to, change.differs
  if change.kind == "delete" then
    return { user_home.take_along(key, change.from) .. user_back.own_group(key, change) }
  end
  local aside = numbers.aside(change)
  local steps
  if change.kind == "create" then
    local open = to.locked == false
    steps = { user_home.give_back(key, change, add(key, to, aside)) }
    differs = { password = to.password ~= false or open, locked = open }
  else
    local flags = account(to, differs)
    local own = aside .. (differs.own_gid and own_group(key, to.own_gid) or "")
    steps = { own .. flags ~= "" and own .. (flags ~= "" and "usermod" .. flags .. sh(" %s", key) or "") or nil }
    local is_his = change.resource and change.resource.back and to.homed == "own"
    if is_his and (differs.group or differs.own_gid) then steps[#steps + 1] = user_home.regroup(key, to.home) end
    if differs.disabled then steps[#steps + 1] = to.disabled and sh(CLOSE, key) or sh(OPEN, key, key, key) end
  end
  if change.kind == "create" and to.expires or change.kind == "update" and differs.expires then
    steps[#steps + 1] = sh("usermod -e %s %s", to.expires or "", key)
  end
  return table.move(password_steps(key, to, differs), 1, 2, #steps + 1, steps)
end

-- The number of the primary group by then; "" where the host is still to pick it.
local function gid_of(key, to, model)
  if to.group and to.group:find("^%d+$") then return to.group end
  if to.own_gid and (to.group or key) == key then return tostring(to.own_gid) end
  local line = model:get("getent", { "group", to.group or key })
  return line and line:match("^[^:]*:[^:]*:(%d*)") or ""
end

-- The same of one whose group stays: what it is now.
local function gid_kept(key, change, model)
  if change.kind ~= "update" or change.differs.group or change.differs.own_gid then return nil end
  local line = model:get("getent", { "passwd", key })
  return line and line:match("^[^:]*:[^:]*:[^:]*:(%d+)")
end

local function passwd_line(key, change, model)
  local to = change.to
  local gid = gid_kept(key, change, model) or gid_of(key, to, model)
  local shell = to.shell or (to.system and "/usr/sbin/nologin" or "/bin/sh")
  return ("%s:x:%s:%s:%s:%s:%s"):format(key, to.uid or "", gid, to.comment or "", to.home or "/home/" .. key, shell)
end

-- The group of the same name comes with a user, or with the number that it had.
local function own_group_effects(key, change, model)
  local to, from = change.to or {}, change.from or {}
  local made = change.kind == "create" and (not to.group or to.group == key)
  local comes = made and not model:get("getent", { "group", key })
  if to.own_gid and to.own_gid ~= from.own_gid or comes then
    model:set("getent", { "group", key }, ("%s:x:%s:"):format(key, to.own_gid or ""))
    owners.renumber(model, "group", key, from.own_gid, to.own_gid, change.kind == "update" and to.home or nil)
  end
end

function user.effects(key, change, model)
  local to = change.to
  model:set("getent", { "passwd", key }, to and passwd_line(key, change, model) or nil)
  model:set("groups", { key }, to and to.groups or {})
  model:set("shadow", { key }, to and {
    locked = to.locked or not to.password, password = to.password, disabled = to.disabled or false,
    expires = to.expires or false,
  } or nil)
  own_group_effects(key, change, model)
  if to then user_home.effects(key, change, model, gid_of(key, to, model)) end
  -- userdel takes the group of the same name along
  local taken = not to and change.from.group == key and not user_back.group_stays(key, change)
  if taken or user_back.takes_group(key, change) then model:set("getent", { "group", key }, nil) end
  local from = change.from or {}
  -- what has the number of several is the first one's
  if not (to and to.sharing) then owners.renumber(model, "owner", key, from.uid, to and to.uid, from.home) end
end

user.rollback = { look = user_back.look, wanted = user_back.wanted, settle = user_back.settle, owns = true }

return user
