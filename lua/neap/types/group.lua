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
  },
}

--- What only one group can have.
function group.numbers(_, attrs) return attrs.gid and { "gid " .. attrs.gid } or {} end

function group.probe(host, key)
  local line = host:getent("group", key)
  if not line then return nil end
  return { gid = math.tointeger(tonumber(line:match("^[^:]*:[^:]*:(%d+)"))) }
end

function group.foresee(host, key, change) numbers.foresee(host, "group", key, change, "gid") end

function group.steps(key, change)
  if change.kind == "delete" then return { sh("groupdel %s", key) } end
  local gid = change.to.gid and sh(" -g %d", change.to.gid) or ""
  local aside = numbers.aside(change)
  if change.kind == "update" then return { aside .. "groupmod" .. gid .. sh(" %s", key) } end
  return { aside .. "groupadd" .. (change.to.system and " -r" or "") .. gid .. sh(" %s", key) }
end

--- No user is in a group that is gone.
local function leave(key, model)
  for _, user in ipairs(model:asked("groups")) do
    local left = {}
    for _, name in ipairs(model:get("groups", { user }) or {}) do
      if name ~= key then left[#left + 1] = name end
    end
    model:set("groups", { user }, left)
  end
end

--- A number that the host is still to pick is left empty.
function group.effects(key, change, model)
  local to = change.to
  model:set("getent", { "group", key }, to and ("%s:x:%s:"):format(key, to.gid or "") or nil)
  if not to then leave(key, model) end
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

group.rollback = { look = way_back, owns = true }

return group
