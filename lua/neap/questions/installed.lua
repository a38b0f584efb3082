--- The first of some packages that a host has: installed("mysql-server", "mariadb-server") -> its name, or nil.
local sh = require "neap.sh"

local HEAD = "command -v dpkg-query >/dev/null || exit 0\nLC_ALL=C; export LC_ALL\n"
local QUERY = "dpkg-query -W -f '${Package} ${db:Status-Status}\\n' -- "

local function script(list)
  local lines = {}
  for i, args in ipairs(list) do
    lines[i] = "echo '#'\n" .. (i == #list and "exec " or "") .. QUERY .. sh.words(args) .. "\n"
  end
  return HEAD .. table.concat(lines)
end

local function parse(r, list)
  if r.rc > 1 then error(("the host could not answer 'installed' (status %d): %s"):format(r.rc, r.err), 0) end
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
