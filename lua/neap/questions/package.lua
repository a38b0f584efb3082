--- What dpkg says of a package: package("nginx") -> { version =, hold = bool, status = "installed"|"config-files"|
-- "half-configured"|… }; nil for one that it has never heard of. One `dpkg-query` for all names.
local apt = require "neap.apt"
local sh = require "neap.sh"

-- A transaction of a run that died lives on; what it leaves is what is asked for.
local SCRIPT = sh([[
command -v dpkg-query >/dev/null || { echo "no dpkg here" >&2; exit 3; }
if [ -e %s ]; then
  exec 8<%s
  flock -s -w %d 8 || { echo "packages have been changed here for %d s: wait for it" >&2; exit 4; }
fi
exec 8<&-
]], apt.LOCK, apt.LOCK, apt.LOCK_WAIT_S, apt.LOCK_WAIT_S) .. [[
LC_ALL=C; export LC_ALL
exec dpkg-query -W -f '${Package} ${Architecture} ${db:Status-Want} ${db:Status-Status} ${Version}\n' -- ]]

local function script(list)
  local names = {}
  for i, args in ipairs(list) do names[i] = args[1] end
  return SCRIPT .. sh.words(names)
end

-- A package may be there for several architectures: its own name means any, the installed one first.
local function better(old, new) return not old or (old.status ~= "installed" and new.status == "installed") end

local function parse(r, list)
  if r.rc > 1 then error(("the host could not answer 'package' (status %d): %s"):format(r.rc, r.err), 0) end
  local seen, answers = {}, {}
  for name, arch, want, status, version in r.out:gmatch("(%S+) (%S+) (%S+) (%S+) (%S*)\n") do
    local found = { version = version, status = status, hold = want == "hold" }
    for _, key in ipairs { name, name .. ":" .. arch } do
      if better(seen[key], found) then seen[key] = found end
    end
  end
  for i, args in ipairs(list) do
    local found = seen[args[1]]
    answers[i] = found and found.status ~= "not-installed" and found or nil
  end
  return answers
end

-- First, because whatever else is asked is to be answered after that transaction, too.
return { name = "package", script = script, parse = parse, first = true }
