--- Users and groups, and some that were there before Neap.
local dice = require "dice"
local chance, maybe, one_of = dice.chance, dice.maybe, dice.one_of

local HOMES = { "/home/pu%d", "/home/alt%d" }

-- Far from each other, since a host picks the number after the greatest.
local function number(base, i) return maybe(40, base + i * 100 + 20 * math.random(0, 3)) end

local function further(has, groups)
  local list = {}
  for _, group in ipairs(groups) do
    if has[group] and chance(50) then list[#list + 1] = group.key end
  end
  return list
end

local function user_of(i, groups)
  local home = maybe(30, one_of(HOMES):format(i)) -- of the first one always the same: keys are written into it
  return function(has)
    local group = one_of(groups)
    local password = maybe(25, { code = 'secret "hash"' })
    return {
      comment = maybe(70, one_of { "Somebody", "Some One", "x" }), shell = maybe(60, one_of { "/bin/sh", "/bin/bash" }),
      groups = maybe(60, further(has, groups)), group = has[group] and maybe(30, group.key) or nil,
      uid = number(2200, i), home = i == 1 and home or i == 2 and maybe(30, one_of(HOMES):format(i)) or nil,
      create_home = i == 2 and maybe(20, chance(50)) or nil,
      password = password, locked = maybe(20, not password or chance(50)), system = i == 2 and maybe(20, true) or nil,
    }
  end
end

return function(item)
  local groups, users = {}, {}
  for i = 1, 2 do
    groups[i] = item("group", "pg" .. i, function()
      return { gid = number(1900, i), system = maybe(20, true) }
    end, { absent = {} })
  end
  -- there before, with a member and with files
  groups[3] = item("group", "gold", function() return { gid = maybe(60, 2500 + 20 * math.random(0, 2)) } end)
  for i = 1, 2 do users[i] = item("user", "pu" .. i, user_of(i, groups), { absent = {} }) end
  users[3] = item("user", "uold", function(has)
    local uid = maybe(30, 2600 + 20 * math.random(0, 2))
    return { comment = maybe(50, "Old"), uid = uid, shell = maybe(40, "/bin/bash"),
      groups = maybe(50, further(has, groups)), locked = maybe(20, true) }
  end, { absent = {} })
  return {
    users = users, groups = groups,
    owner = function(has)
      local user = one_of(users)
      return has[user] and maybe(40, user.key) or nil
    end,
    group = function(has)
      local group = one_of(groups)
      return has[group] and maybe(40, group.key) or nil
    end,
  }
end
