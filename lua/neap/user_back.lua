--- Users on a way back: who goes, who is only closed, and what one gets who is made again.
local numbers = require "neap.numbers"
local sh = require "neap.sh"
local user_home = require "neap.user_home"

local user_back = {}

local function back_of(change) return change.kind == "delete" and change.resource and change.resource.back end

--- What is to be known of one who is not there, for the time when he goes again: that no group of his name comes with
-- him, since it is there without him or he is made with another one; nil where his own comes.
function user_back.around(host, key, want)
  local is_made = want and want.group and want.group ~= key and not want.own_gid
  return (is_made or host:getent("group", key)) and { own_group = false } or nil
end

--- Who else has his number, in the order of their names; an empty list where nobody has.
function user_back.sharing(host, key, uid)
  local others = {}
  for name, number in host:run("getent passwd").out:gmatch("([^:\n]+):[^:\n]*:(%d+):[^\n]*") do
    if name ~= key and math.tointeger(tonumber(number)) == uid then others[#others + 1] = name end
  end
  table.sort(others)
  return others
end

-- Whether the group of his name has not come with him.
local function is_without(change)
  local before = change.resource and change.resource.before
  return before and before.around and before.around.own_group == false or false
end

--- Whether the group of his name is to be there without him.
function user_back.group_stays(key, change)
  local back = back_of(change)
  if back and is_without(change) then return true end
  for _, name in ipairs(back and back.staying and back.staying.group or {}) do
    if name == key then return true end
  end
  return false
end

--- Whether the group of his name goes with one who had another in the end: userdel leaves it then, and so it stays
-- where one was to be absent, as by an apply.
function user_back.takes_group(key, change)
  local goes = back_of(change) and change.resource.leaves
  return goes and change.from.own_gid and change.from.group ~= key and not user_back.group_stays(key, change)
end

--- What follows a userdel, for the group of his name; one with members stays.
function user_back.own_group(key, change)
  if user_back.takes_group(key, change) then
    return sh(" && { [ -n \"$(getent group %s | cut -d: -f4)\" ] || ", key) ..
      sh("! getent group %s >/dev/null || groupdel %s; }", key, key)
  end
  if change.from.own_gid and user_back.group_stays(key, change) then
    return sh(" && { getent group %s >/dev/null || groupadd -g %d %s; }", key, change.from.own_gid, key)
  end
  return ""
end

--- "process 7 (sleep)" of each that will still run when the plan gets here.
function user_back.running(processes, model)
  local left = {}
  for _, process in ipairs(processes) do
    local edit = process.unit and model:edit("unit", process.unit)
    if not edit or edit.answer and edit.answer.active == "active" then
      left[#left + 1] = ("process %s (%s)"):format(process.pid, process.name)
    end
  end
  return left
end

-- What of a user's processes and files will still be there when the plan gets here, or in the end: what gets another
-- owner may have to wait until he is gone (its group takes his number).
local function left_of(held, key, model, owners)
  local left = user_back.running(held.processes, model)
  for _, path in ipairs(held.files) do
    local edit = model:edit("stat", path)
    local owner = edit and edit.answer and edit.answer.owner or owners[path] or key
    local is_anothers = owner ~= key
    if not is_anothers and not model:is_gone(path) then left[#left + 1] = path end
  end
  if held.more and not left[1] then left[1] = "more than can be looked through" end
  return left
end

-- The home of who gets his number when he is gone, or nil: what is in it was left there by that one, and is his again.
local function home_of_heir(change, back)
  local heir = change.from.uid and (back.takers or {})["uid " .. change.from.uid]
  return heir and heir.attrs.home
end

local function joined(notes) return notes[1] and table.concat(notes, "; ") end

--- A user that was not there before is removed where he has nothing outside his home, else closed until then. One who
-- was to be absent then goes, as by an apply.
function user_back.look(host, key, change, back, model)
  if change.kind ~= "delete" then
    user_home.foresee(host, key, change)
    local verdict = numbers.look(host, change, { passwd = "uid", group = "own_gid" }, back, model) or {}
    local barrier, note = user_home.lost(host, key, change)
    verdict.barrier, verdict.note = barrier, joined { verdict.note or note, verdict.note and note }
    return next(verdict) and verdict or nil
  end
  local held = host:holdings(key, change.from.home, home_of_heir(change, back))
  local left = left_of(held, key, model, back.owners or {})
  local more = #left > 3 and (", and %s%d more"):format(held.more and "at least " or "", #left - 3) or ""
  local what = table.concat(left, ", ", 1, math.min(3, #left)) .. more
  if #left > 0 and change.resource.leaves then
    return { instead = { disabled = true }, keeps = true, note = "is locked and not removed, since it owns " .. what }
  end
  local with_home = back.remove_homes or change.resource.attrs.remove_home
  change.resource.attrs.remove_home, change.from.remove_home = with_home, with_home
  local why = user_home.obstacle(host, change.from)
  if why then return { impossible = why } end
  local owns = #left > 0 and "is removed, as it was then, though it owns " .. what or nil
  local stays = user_home.stays(change.from)
  return (owns or stays) and { note = joined { owns or stays, owns and stays } } or nil
end

--- One who is made again has a home if he had one.
function user_back.wanted(_, attrs)
  if attrs.homed ~= nil then attrs.create_home = attrs.homed ~= false end
  return attrs
end

--- Nobody is in a group that is to be absent; one who goes back to what he was leaves it to that to know of him.
function user_back.settle(resource, by_id)
  local groups = {}
  for _, name in ipairs(resource.attrs.groups or {}) do
    local group = by_id["group:" .. name]
    local is_away = group and group.absent
    groups[#groups + 1] = not is_away and name or nil
    if is_away and resource.leaves then
      group.inherits = group.inherits or {}
      table.insert(group.inherits, { from = resource, attribute = "members", value = resource.key })
    end
  end
  resource.attrs.groups = resource.attrs.groups and groups
end

return user_back
