--- What was taken out of a directory and is not recorded as text: it is moved aside on the host itself, so that a way
-- back finds it.
--
--     /etc/app.d/old.conf ─▶ /var/lib/neap/kept/%2Fetc%2Fapp.d/old.conf
--
-- Of each name the last one taken is kept, until somebody removes it.
local sh = require "neap.sh"

local kept = { DIR = "/var/lib/neap/kept" }

--- Where the things of a directory are kept.
function kept.place(dir)
  if dir == "/" then dir = "" end
  return kept.DIR .. "/" .. dir:gsub("%%", "%%25"):gsub("/", "%%2F")
end

local AT_ONCE = 100 -- names that one mv takes: a command's words have a limit

--- Shell text, run in the directory `dir`, that moves `names` aside.
function kept.take(dir, names)
  local store = kept.place(dir)
  local lines = { sh("( umask 077; mkdir -p %s ) || exit 1\n", store) }
  for first = 1, #names, AT_ONCE do
    local here, there = {}, {}
    for i = first, math.min(first + AT_ONCE - 1, #names) do
      here[#here + 1] = "./" .. names[i]
      there[#there + 1] = store .. "/" .. names[i]
    end
    local take = "rm -rf -- " .. sh.words(there) .. " && mv -f -- " .. sh.words(here)
    lines[#lines + 1] = take .. sh(" %s || exit 1\n", store)
  end
  return table.concat(lines)
end

--- The places where a thing of a directory may be kept: by itself, or in one of the directories above it, where that
-- was taken whole.
function kept.places(dir, name)
  local list, above, below = {}, dir, name
  while above do
    list[#list + 1] = kept.place(above) .. "/" .. below
    local own
    above, own = above:match("^(.*)/([^/]+)$")
    below = own and own .. "/" .. below
  end
  return list
end

local BACK = [[
led() { # PLACE: whether a link leads there
  d=${1%/*}
  until [ "$d" = KEPT ]; do [ ! -h "$d" ] || return 0; d=${d%/*}; done
  return 1
}
back() { # PLACE...: from the first of these where it is
  for away do
    ! led "$away" || continue
    [ -e "$away" ] || [ -h "$away" ] || continue
    mv -- "$away" "./$n" || exit 1
    return
  done
  exit 1
}
]]

local BRING_BACK = [[
n=NAME
if [ ! -e "../$n" ] && [ ! -h "../$n" ]; then
  back AWAY
  GIVEput
fi
]]

--- Shell text, run in the directory `dir` that place.at() has entered, that brings `names` back; what stands there
-- meanwhile stays. They come by way of a directory that is ours (neap.place): who owns `dir` could lead astray what is
-- moved or given to somebody.
-- @param give shell text that gives "./$n" its owner and mode, or nil
function kept.bring_back(dir, names, give)
  local lines = { (BACK:gsub("KEPT", (sh.quote(kept.DIR):gsub("%%", "%%%%")))), "(\nwork\n" }
  for _, name in ipairs(names) do
    local words = { NAME = sh.quote(name), AWAY = sh.words(kept.places(dir, name)), GIVE = give or "" }
    lines[#lines + 1] = (BRING_BACK:gsub("%u%u%u%u", words))
  end
  lines[#lines + 1] = ") || exit 1\n"
  return table.concat(lines)
end

return kept
