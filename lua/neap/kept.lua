--- What was taken out of a directory and is not recorded as text: it is moved aside on the host itself, so that a way
-- back finds it.
--
--     /etc/app.d/old.conf ─▶ /var/lib/neap/kept/%2Fetc%2Fapp.d/old.conf
--
-- Of each name the last one taken is kept, until somebody removes it.
local mounts = require "neap.mounts"
local place = require "neap.place"
local sh = require "neap.sh"

local kept = { DIR = "/var/lib/neap/kept" }

--- Where the things of a directory are kept.
function kept.place(dir)
  if dir == "/" then dir = "" end
  return kept.DIR .. "/" .. dir:gsub("%%", "%%25"):gsub("/", "%%2F")
end

local AT_ONCE = 100 -- names that one mv takes: a command's words have a limit

-- Shell text for each hundred of the names.
local function by_hundreds(names, text_of)
  local lines = {}
  for first = 1, #names, AT_ONCE do
    lines[#lines + 1] = text_of(table.move(names, first, math.min(first + AT_ONCE - 1, #names), 1, {}))
  end
  return table.concat(lines)
end

local function each(names, head)
  local paths = {}
  for i, name in ipairs(names) do paths[i] = head .. name end
  return sh.words(paths)
end

--- Shell text, run in the directory `dir` that place.at() has entered, that moves `names` aside, in the place of what
-- was kept of the same names before. It moves none of them where something is mounted on one, or below.
function kept.take(dir, names)
  local store = kept.place(dir)
  local head = sh("( umask 077; mkdir -p %s ) && kept=$(cd -P -- %s && pwd -P) || exit 1\n", store, store)
  local check = by_hundreds(names, function(some)
    local words = sh.words(some)
    return 'unmounted "$top" ' .. words .. '\nunmounted "$kept" ' .. words .. "\n"
  end)
  local move = by_hundreds(names, function(some)
    local old, now = each(some, store .. "/"), each(some, "./")
    return "rm -rf -- " .. old .. " && mv -f -- " .. now .. sh(" %s || exit 1\n", store)
  end)
  return mounts.FUNCTIONS .. head .. check .. move
end

--- While planning: the path of what is mounted on one of these names in a directory, or below, or where they are kept,
-- so that they cannot be taken; or nil.
function kept.obstacle(host, dir, names)
  mounts.expect(host, kept.place(dir))
  return mounts.on(host, dir, names) or mounts.on(host, kept.place(dir), names)
end

--- The same for what is brought back: nothing may be mounted in all that is kept.
function kept.obstacle_back(host) return mounts.on(host, kept.DIR) end

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

local CHECK_KEPT = 'if kept=$(cd -P -- %s 2>/dev/null && pwd -P); then unmounted "$kept"; fi\n'

local BRING_BACK = [[
n=NAME
if [ ! -e "../$n" ] && [ ! -h "../$n" ]; then
  back AWAY
  ( GIVEput ) || { mv -- "./$n" "$away"; exit 1; }
fi
]]

--- Shell text, run in the directory `dir` that place.at() has entered, that brings `names` back; what stands there
-- meanwhile stays. They come by way of a directory that is ours (neap.place): who owns `dir` could lead astray what is
-- moved or given to somebody.
-- @param give shell text that gives "./$n" its owner and mode, or nil
function kept.bring_back(dir, names, give)
  local functions = mounts.FUNCTIONS .. BACK:gsub("KEPT", (sh.quote(kept.DIR):gsub("%%", "%%%%")))
  local lines = { functions, sh(CHECK_KEPT, kept.DIR), "(\nwork\n" }
  for _, name in ipairs(names) do
    local words = { NAME = sh.quote(name), AWAY = sh.words(kept.places(dir, name)), GIVE = give or "" }
    lines[#lines + 1] = (BRING_BACK:gsub("%u%u%u%u", words))
  end
  lines[#lines + 1] = ") || exit 1\n"
  return table.concat(lines)
end

local FETCH = [[
( cd -P -- STORE || exit 1
EXPECT) || exit
CHECK
work
GONE
mv -- STORE/"$n" . || exit 1
mv -f -- "./$n" .. || { mv -- "./$n" STORE; exit 1; }
]]

--- A script that brings back to `path` what stood there, with all that it had, and was moved aside for something else.
-- @param kind of what is kept
-- @param replaces kind of what stands there now, or nil
function kept.fetch(path, kind, replaces)
  local words = {
    STORE = sh.quote(kept.place((place.split(path)))), CHECK = sh(CHECK_KEPT, kept.DIR),
    EXPECT = place.expect(path, kind), GONE = replaces == "directory" and 'rmdir -- "../$n" || exit 1' or "",
  }
  return place.at(path) .. place.expect(path, replaces) .. mounts.FUNCTIONS .. FETCH:gsub("%u%u%u%u+", words)
end

return kept
