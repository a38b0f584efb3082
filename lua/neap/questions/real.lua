--- Where a directory is when every link on the way to it is followed; of one that is not there, where it would be made.
-- One shell and no fork for all of them.
local names = require "neap.names"

local EACH = [[
for d do
  rest=
  until [ "${d:-/}" = / ] || cd -P -- "$d" 2>/dev/null; do rest=/${d##*/}$rest d=${d%/*}; done
  [ "${d:-/}" != / ] || cd /
  printf '%s%s\0' "${PWD%/}" "$rest"
done]]

local function script(list)
  local text, stdin = names.loop(EACH, list)
  return "LC_ALL=C; export LC_ALL\n" .. text, stdin
end

local function parse(r, list)
  names.ran(r, "real")
  local answers, each = {}, r.out:gmatch("([^\0]*)\0")
  for i, args in ipairs(list) do
    local found = each()
    if not found then error(("the answer about '%s' is cut short: %s"):format(args[1], r.err), 0) end
    answers[i] = found == "" and "/" or found
  end
  return answers
end

return { name = "real", bytes = true, script = script, parse = parse }
