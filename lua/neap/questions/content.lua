--- The bytes of a regular file; nil when there is none. Links are followed.
-- A random number, which no file's author can know, ends each file, so that a file may hold any bytes and may even grow
-- while it is read.
local crypto = require "neap.core.crypto"
local names = require "neap.names"

local LIMIT = 4 * 1024 * 1024 -- bytes of one file; the reply holds several

local HEAD = [[
LC_ALL=C n=%s; export LC_ALL n
printf '%%s\n' "$n"
]]
local EACH = ([[
for f do
  s=0
  if [ ! -f "$f" ]; then s=none
  elif [ ! -r "$f" ]; then s=denied
  else head -c %d -- "$f" || s=failed; fi
  printf "\n%%s %%s\n" "$n" "$s"
done]]):format(LIMIT + 1)

local function script(list)
  local text, stdin = names.loop(EACH, list)
  return HEAD:format(crypto.random_hex(16)) .. text, stdin
end

local LARGE = ("'%%s' is larger than the %d MiB of content that can be managed: manage only its mode and owner")
  :format(LIMIT // 1048576)
local failures = { denied = "cannot read '%s': permission denied", failed = "cannot read '%s'" }

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
      answers[i] = stop - at <= LIMIT and r.out:sub(at, stop - 1) or { failed = LARGE:format(args[1]) }
    elseif failures[how] then
      answers[i] = { failed = failures[how]:format(args[1]) }
    end
    at = from
  end
  return answers
end

return { name = "content", bytes = true, script = script, parse = parse }
