--- The bytes of a regular file; nil when there is none. Links are followed.
-- The host draws a number that no file's author can know and ends each file with it, so that a file may hold any
-- bytes and may even grow while it is read.
local names = require "neap.names"

local LIMIT = 4 * 1024 * 1024 -- bytes of one file; the reply holds several

local SCRIPT = [[
LC_ALL=C; export LC_ALL
n=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n'); export n
printf '%s\n' "$n"
xargs -0 sh -c 'limit=$1; shift
for f do
  s=0
  if [ ! -f "$f" ]; then s=none
  elif [ ! -r "$f" ]; then s=denied
  elif [ "$(($(wc -c <"$f")))" -gt "$limit" ]; then s=large
  else cat -- "$f" || s=failed; fi
  printf "\n%s %s\n" "$n" "$s"
done' sh ]]

local function script(list) return SCRIPT .. LIMIT, names.join(list) end

local failures = {
  denied = "cannot read '%s': permission denied",
  large = ("'%%s' is larger than the %d MiB of content that can be managed: manage only its mode and owner")
    :format(LIMIT // 1048576),
  failed = "cannot read '%s'",
}

local function parse(r, list)
  names.ran(r, "content")
  local answers = {}
  local mark, at = r.out:match("^(%x+)\n()")
  for i, args in ipairs(list) do
    local stop, from, how
    if mark then stop, from = r.out:find("\n" .. mark .. " ", at, true) end
    if not stop then error(("the answer about '%s' is cut short: %s"):format(args[1], r.err), 0) end
    how, from = r.out:match("^(%w+)\n()", from + 1)
    if how == "0" then
      answers[i] = r.out:sub(at, stop - 1)
    elseif failures[how] then
      answers[i] = { failed = failures[how]:format(args[1]) }
    end
    at = from
  end
  return answers
end

return { name = "content", script = script, parse = parse }
