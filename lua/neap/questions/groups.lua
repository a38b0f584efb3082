--- The groups that list a user as a member, sorted: groups("deploy") -> {"sudo", "www-data"}. The primary group
-- counts only when it lists the user too. Read from /etc/group, which is what usermod changes.
local function script() return "exec cat /etc/group" end

local function parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'groups' (status %d): %s"):format(r.rc, r.err), 0) end
  local of_user, answers = {}, {}
  for group, members in r.out:gmatch("([^:\n]+):[^:\n]*:[^:\n]*:([^\n]*)") do
    for user in members:gmatch("[^,%s]+") do
      of_user[user] = of_user[user] or {}
      table.insert(of_user[user], group)
    end
  end
  for i, args in ipairs(list) do
    answers[i] = of_user[args[1]] or {}
    table.sort(answers[i])
  end
  return answers
end

return { name = "groups", script = script, parse = parse }
