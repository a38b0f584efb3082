--- Homes: the one that useradd makes of a new user, so that a plan knows it (whose it is, its mode, and what comes from
-- /etc/skel), and what becomes of one that is there when its user comes back or gets other numbers.
local look = require "neap.look"
local mounts = require "neap.mounts"
local place = require "neap.place"
local sh = require "neap.sh"

local user_home = {}

local DEFS, SKEL = "/etc/login.defs", "/etc/skel"

-- Where a change makes a home, or nil.
local function made(key, change)
  local to = change.to
  if change.kind ~= "create" then return nil end
  local is_made = to.create_home
  if is_made == nil then is_made = not to.system end
  return is_made and (to.home or "/home/" .. key) or nil
end

local LOST = "what was in his home was not kept"

--- What is to be said of one who comes back and had a home of his own that is gone, as `barrier` and `note`: where he
-- is recorded as one who is to be absent, his home may have gone with him; else it was said that homes are to go.
function user_home.lost(host, key, change)
  local path, before = change.to.home or "/home/" .. key, change.resource.before
  if change.kind ~= "create" or change.to.homed ~= "own" or host:stat(path) then return nil, nil end
  if before and not before.state then return LOST, nil end
  return nil, LOST
end

--- Asks what the effects of a change will need to know.
function user_home.foresee(host, key, change)
  local path = made(key, change)
  if not path or host:stat(path) then return end
  host:expect("list", SKEL)
  host:content(DEFS)
  host:list(SKEL)
end

-- The home that is there has the numbers that he had last, and nobody has them now.
local LOOK = "had=$(stat -c %%u:%%g %s 2>/dev/null) || had=\n"
local GIVE = [[
is=$(id -u %s):$(id -g %s)
others() { [ "${had%%:*}" != "${is%%:*}" ] && getent passwd "${had%%:*}" >/dev/null; }
[ -z "$had" ] || [ "$had" = "$is" ] || others || {
  chown -hR --from="${had%%:*}" "${is%%:*}" %s && chown -hR --from="${is%%:*}:${had#*:}" ":${is#*:}" %s
}
]]

--- Whose a home is by its stat, as `homed` has it.
function user_home.whose(st, key, uid)
  if not st then return false end
  return (st.owner == key or st.uid and st.uid == uid) and "own" or "another's"
end

--- Why the home of one who goes stays though it is to go with him, in words; nil where it does not: userdel refuses to
-- take away another's.
function user_home.stays(from)
  local is_left = from.remove_home and from.homed == "another's"
  return is_left and ("home and mail stay: %s is not his"):format(from.home) or nil
end

-- The home that goes with him, without a slash at its end, or nil.
local function going(from)
  local goes = from.remove_home and from.homed == "own"
  return goes and from.home:match("^(/.-[^/])/*$") or nil
end

--- Why one cannot go with his home, in words, or nil: userdel would empty what is mounted on or in it.
function user_home.obstacle(host, from)
  local path = going(from)
  if not path then return nil end
  local dir, name = place.split(path)
  local at = mounts.on(host, dir, { name })
  return at and mounts.refusal(at)
end

--- The script by which one goes whose home may go along.
function user_home.take_along(key, from)
  local path = going(from)
  local check = path and "( " .. place.at(path) .. mounts.FUNCTIONS .. 'unmounted "$top" "$n" ) || exit\n' or ""
  return check .. "userdel" .. (from.remove_home and not user_home.stays(from) and " -r" or "") .. sh(" %s", key)
end

local REGROUP = [[
case $(stat -c '%%U %%g' %s 2>/dev/null) in %s' '*)
  gid=$(stat -c %%g %s) && { getent group "$gid" >/dev/null || chown -hR --from=":$gid" ":$(id -g %s)" %s; } ||
    exit 1 ;;
esac
]]

--- The script by which the home of a user becomes his group's, where its group is nobody's by now.
function user_home.regroup(key, path) return sh(REGROUP, path, key, path, key, path) end

--- The script that makes a user; one who comes back gets his home again, if it was his then, and no other
-- had his number with him.
function user_home.give_back(key, change, script)
  local to = change.to
  local path = to.home or "/home/" .. key
  local is_his = change.resource and change.resource.back and to.homed == "own" and not to.sharing
  if not is_his then return script end
  return sh(LOOK, path) .. "{ " .. script .. "\n} || exit 1\n" .. sh(GIVE, key, key, path, path)
end

-- The mode of a new home, by login.defs(5).
local function mode_of(defs)
  local function said(name) return ("\n" .. (defs or "")):match("\n[ \t]*" .. name .. "[ \t]+([0-7]+)") end
  local mode = said "HOME_MODE"
  if mode then return ("%04o"):format(tonumber(mode, 8)) end
  return ("%04o"):format(~tonumber(said "UMASK" or "022", 8) & 511)
end

--- Tells the model of the home.
-- @param gid the number of the user's group by then, as text; "" where that is not known
function user_home.effects(key, change, model, gid)
  local path = made(key, change)
  local st, asked = model:get("stat", { path or "" })
  if not path or st or not asked then return end
  local defs, known = model:get("content", { DEFS })
  local skel = model:get("list", { SKEL }) or {}
  local from_skel = {}
  for i, name in ipairs(skel) do from_skel[i] = path .. "/" .. name end
  model:clear_paths(from_skel, "it may come from " .. SKEL)
  if not known then return model:forget("stat", { path }, "useradd makes it") end
  local line = model:get("getent", { "group", change.to.group or key })
  local group = line and line:match("^[^:]*") or key
  local home = look.predicted("directory", { owner = key, group = group }, mode_of(defs))
  home.uid, home.gid = change.to.uid, math.tointeger(tonumber(gid))
  model:set("stat", { path }, home)
  model:set("list", { path }, skel)
  model:list_paths({ path }, true)
end

return user_home
