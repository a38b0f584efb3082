--- The first of some packages that a host has: installed("mysql-server", "mariadb-server") -> its name, or nil.
local sh = require "neap.sh"

local function script(list)
  local lines = {}
  for i, args in ipairs(list) do
    lines[i] = "echo '#'\nLC_ALL=C dpkg-query -W -f '${Package} ${db:Status-Status}\\n' -- " .. sh.words(args) .. "\n"
  end
  return table.concat(lines) .. ":\n"
end

local function parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'installed' (status %d): %s"):format(r.rc, r.err), 0) end
  local answers, i = {}, 0
  for text in (r.out:gsub("^#\n", "") .. "#\n"):gmatch("(.-)#\n") do
    i = i + 1
    local has = {}
    for name in text:gmatch("(%S+) installed\n") do has[name] = true end
    for _, name in ipairs(list[i] or {}) do answers[i] = answers[i] or has[name] and name or nil end
  end
  return answers
end

return { name = "installed", script = script, parse = parse }
