--- A Unix group.
-- @usage group "deploy" { gid = 2001 }
local look = require "neap.look"
local numbers = require "neap.numbers"
local owners = require "neap.owners"
local sh = require "neap.sh"
local vital = require "neap.vital"

local group = {
  name = "group", key = "name", check_key = vital.check_account,
  attributes = {
    gid = { type = "integer", doc = "Its number; when not given, the host picks one." },
    system = { type = "boolean", option = true, doc = "Pick the number of a new group among those of system groups." },
    members = { type = "list", readonly = true, doc = "Who was in it when it was taken away." },
    joined = { type = "boolean", readonly = true, doc = "Whether they are in it again." },
  },
  equal = { members = function() return true end }, -- who is in it is a matter of users
}

local function set_of(names)
  local set = {}
  for _, name in ipairs(names or {}) do set[name] = true end
  return set
end

--- What only one group can have.
function group.numbers(_, attrs) return attrs.gid and { "gid " .. attrs.gid } or {} end

--- Who is to be in it again has to be there; but one of its name makes it himself where it is not there yet.
function group.depends(key, attrs)
  local ids = {}
  for _, name in ipairs(attrs.members or {}) do ids[#ids + 1] = name ~= key and "user:" .. name or nil end
  return ids
end

function group.probe(host, key, want)
  local line = host:getent("group", key)
  if not line then return nil end
  local gid, members = line:match("^[^:]*:[^:]*:(%d+):?([^:]*)")
  local found = { gid = math.tointeger(tonumber(gid)) }
  if want and not want.members then return found end
  found.members = {}
  for name in (members or ""):gmatch("[^,]+") do table.insert(found.members, name) end
  local there, missing = set_of(found.members), false
  for _, name in ipairs(want and want.members or {}) do -- nobody who is not there can be in it
    missing = missing or not there[name] and host:getent("passwd", name) ~= nil
  end
  if want then found.joined = not missing end
  return found
end

function group.foresee(host, key, change) numbers.foresee(host, "group", key, change, "gid") end

function group.steps(key, change)
  if change.kind == "delete" then return { sh("groupdel %s", key) } end
  local gid = change.to.gid and sh(" -g %d", change.to.gid) or ""
  local aside = numbers.aside(change)
  local verb = change.kind == "update" and "groupmod" or "groupadd" .. (change.to.system and " -r" or "")
  local text = aside .. verb .. gid .. sh(" %s", key)
  for _, name in ipairs(change.to.members or {}) do
    text = text .. sh(" &&\n{ ! getent passwd %s >/dev/null || gpasswd -a %s %s >/dev/null; }", name, name, key)
  end
  return { text }
end

--- No user is in a group that is gone; in one that comes back are those who were.
local function tell_users(key, members, model)
  local is_member = set_of(members)
  for _, user in ipairs(model:asked("groups")) do
    local groups, is_in = {}, false
    for _, name in ipairs(model:get("groups", { user }) or {}) do
      is_in = is_in or name == key
      if name ~= key or members then groups[#groups + 1] = name end
    end
    if is_member[user] and not is_in then groups[#groups + 1] = key end
    table.sort(groups)
    model:set("groups", { user }, groups)
  end
end

--- A number that the host is still to pick is left empty.
function group.effects(key, change, model)
  local to = change.to
  model:set("getent", { "group", key }, to and ("%s:x:%s:%s"):format(key, to.gid or "",
    table.concat(to.members or {}, ",")) or nil)
  if not to or to.members then tell_users(key, to and to.members, model) end
  owners.renumber(model, "group", key, change.from and change.from.gid, to and to.gid)
end

-- The first user whose own group this is by then, and who will still be there.
local function whose(host, gid, model)
  for name, primary in host:run("getent passwd").out:gmatch("([^:\n]+):[^:\n]*:[^:\n]*:(%d+):[^\n]*") do
    local edit = model:edit("getent", "passwd\0" .. name)
    if edit and not edit.unknown then primary = edit.answer and edit.answer:match("^[^:]*:[^:]*:[^:]*:(%d*)") end
    if primary and math.tointeger(primary) == gid then return name end
  end
end

--- A group that is a user's own cannot go before the user.
function group.foresee_delete(host, _, change, model)
  local name = not model.sweeps and whose(host, change.from.gid, model)
  if name then look.fail("it is the group of user '%s': give that one another, or take him away, too", name) end
end

--- A group that is a user's own stays with the user, and stays recorded: it goes when he has another.
local function way_back(host, _, change, back, model)
  if change.kind ~= "delete" then return numbers.look(host, change, { group = "gid" }, back, model) end
  local name = whose(host, change.from.gid, model)
  return name and { stays = ("it is the group of user '%s', who stays"):format(name), keeps = true } or nil
end

local function join(user, key)
  local groups = { key }
  for _, name in ipairs(user.groups) do groups[#groups + 1] = name ~= key and name or nil end
  table.sort(groups)
  user.groups = groups
end

-- One who is not to be in it now was so before Neap.
local function leave(user, resource)
  user.inherits = user.inherits or {}
  table.insert(user.inherits, { from = resource, attribute = "groups", value = resource.key })
end

-- Whether a user is told to have it as his own group: then he is in it, and comes after it.
local function is_own(user, resource)
  local own = user and not user.absent and user.attrs.group
  return own and (own == resource.key or look.is_number(own, resource.attrs.gid)) or false
end

-- Who was in it when it was taken away, and is of this run himself, may have been looked at only after that.
local function settle(resource, by_id)
  local others = {}
  for _, name in ipairs(resource.attrs.members or {}) do
    local user = by_id["user:" .. name]
    local knows = user and user.attrs.groups
    if not knows and not is_own(user, resource) then others[#others + 1] = name end
    if knows and user.leaves then join(user.attrs, resource.key) end
    if knows and resource.leaves and not user.leaves then leave(user, resource) end
  end
  if resource.attrs.members then resource.attrs.members, resource.attrs.joined = others, true end
end

group.rollback = { look = way_back, settle = settle, owns = true }

return group
