--- The bytes of a regular file; nil when there is none.
-- Who owns the file's directory can put a link to any other file there at any moment, and what is read is shown,
-- recorded, and brought back one day. So the directory is entered as for a write (neap.place), a link in the file's
-- own place is not followed, and what was opened must still be what stands there when it has been read.
-- A random number, which no file's author can know, ends each file, so that a file may hold any bytes and may even grow
-- while it is read.
local crypto = require "neap.core.crypto"
local names = require "neap.names"
local place = require "neap.place"

local LIMIT = 4 * 1024 * 1024 -- bytes of one file; the reply holds several

local HEAD = [[
LC_ALL=C n=%s; export LC_ALL n
printf '%%s\n' "$n"
]]
local EACH = place.FUNCTIONS .. ([[
read_in() (
  enter "$1" 2>/dev/null
  [ ! -h "./$2" ] || exit 75
  { head -c %d <&5 && [ ! -h "./$2" ] && [ "./$2" -ef /proc/self/fd/5 ] || exit 75; } 5<"./$2"
)
for f do
  s=0
  if [ ! -f "$f" ]; then s=none
  elif [ ! -r "$f" ]; then s=denied
  else
    d=${f%%/*}
    read_in "${d:-/}" "${f##*/}"
    case $? in 0) ;; 75) s=led ;; *) s=failed ;; esac
  fi
  printf "\n%%s %%s\n" "$n" "$s"
done]]):format(LIMIT + 1)

local function script(list)
  local text, stdin = names.loop(EACH, list)
  return HEAD:format(crypto.random_hex(16)) .. text, stdin
end

local LARGE = ("'%%s' is larger than the %d MiB of content that can be managed: manage only its mode and owner")
  :format(LIMIT // 1048576)
local failures = {
  denied = "cannot read '%s': permission denied", failed = "cannot read '%s'",
  led = "'%s' is a link, or is reached by one that others may put there, or has moved: it is not read",
}

local function parse(r, list)
  names.ran(r, "content")
  local answers = {}
  local mark, at = r.out:match("^(%x+)\n()")
  for i, args in ipairs(list) do
    local stop, from, how
    if mark then stop, from = r.out:find("\n" .. mark .. " ", at, true) end
    if not stop then names.cut_short(r, args[1]) end
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
