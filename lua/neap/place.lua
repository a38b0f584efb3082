--- Scripts that put a thing at a path, or take it away, safely.
--
-- What is new is made in a directory of its own beside its place, open to nobody else, gets its owner and mode
-- there, and is renamed into place:
--
--     /etc/app/                      entered once; from then on no path is looked up again
--     /etc/app/.neap.x7Qk2v/         0700, ours: nobody can plant a link under a name that is about to be written
--     /etc/app/.neap.x7Qk2v/app.conf written, chown, chmod, validated, synced, then renamed to ../app.conf
--
-- So readers see the old thing or the new one, modes are never wider than asked for, and a failure leaves nothing
-- behind. A directory reached through a symbolic link is refused unless the link is root's or our own: whoever owns
-- a directory on the way could lead a write astray otherwise.
local sh = require "neap.sh"

local place = {}

--- Shell functions that all of these scripts begin with.
place.FUNCTIONS = [[
LC_ALL=C; export LC_ALL; umask 077
fail() { printf '%s\n' "$1" >&2; exit "${2:-1}"; }
enter() {
  cd -P -- "$1" || exit 1
  [ "$PWD" != "$1" ] || return 0
  here=$PWD; rest=$1/; walk=
  while [ -n "$rest" ]; do
    walk=$walk${rest%%/*}; rest=${rest#*/}
    if [ -n "$walk" ] && [ -h "$walk" ]; then
      u=$(stat -c %u -- "$walk")
      [ "$u" = 0 ] || [ "$u" = "$(id -u)" ] || fail "'$walk' is a symbolic link of user $u, and is not followed" 75
    fi
    walk=$walk/
  done
  cd -P -- "$1" && [ "$PWD" = "$here" ] || fail "'$1' moved while it was looked at" 75
}
work() {
  top=${PWD%/}
  # Noted, so that the next run can take it away should this one be killed.
  [ ! -d /var/lib/neap ] || { printf '%s\n' "$top" >>/var/lib/neap/temp; } 2>/dev/null
  w=$(mktemp -d ./.neap.XXXXXX) && cd -P -- "$w" || exit 1
  [ "$PWD" = "$top/${w#./}" ] && [ -O . ] || fail "'$top/${w#./}' was taken away" 75
  trap 'cd .. && rm -rf -- "$w"' EXIT
  trap 'exit 143' HUP INT TERM
}
put() {
  mv -fT -- "./$n" "../$n" 2>/dev/null || { [ ! -d "../$n" ] && mv -f -- "./$n" "../$n"; } ||
    fail "cannot put '$n' into its place"
}
]]

--- The directory of a path, and the name in it.
function place.split(path)
  local dir, name = path:match("^(.*)/([^/]+)$")
  return dir == "" and "/" or dir, name
end

--- Raises unless `path` is absolute and has one spelling only: no `.`, `..`, double or trailing slash.
function place.check(path)
  if path == "/" then error("'/' cannot be managed", 0) end
  local plain = path:find("^/") and not path:find("//", 1, true) and not path:find("/$")
  for part in path:gmatch("[^/]+") do plain = plain and part ~= "." and part ~= ".." end
  if not plain or path:find("%c") then
    error(("'%s' is no plain absolute path: write it from '/', without '.', '..' and doubled slashes"):format(path), 0)
  end
  return path
end

--- The directories above a path, nearest first, without the root.
function place.above(path)
  local list, dir = {}, place.split(path)
  while dir ~= "/" do
    list[#list + 1] = dir
    dir = place.split(dir)
  end
  return list
end

--- Opens a script about `path`: functions, $n its name, the shell in its directory.
function place.at(path)
  local dir, name = place.split(path)
  return place.FUNCTIONS .. sh("n=%s\nenter %s\n", name, dir)
end

--- Refuses to go on unless what stands at the path is what the plan saw: nil (nothing), or its kind; "any" is anything
-- but a directory.
function place.expect(path, kind)
  local moved = "|| fail " .. sh.quote(("'%s' is not what the plan saw: plan again"):format(path)) .. " 75\n"
  if kind == "any" then return '[ -h "./$n" ] || [ ! -d "./$n" ] ' .. moved end
  if kind == "symlink" then return '[ -h "./$n" ] ' .. moved end
  if kind == "directory" then return '[ -d "./$n" ] && [ ! -h "./$n" ] ' .. moved end
  if kind == "file" then return '[ -f "./$n" ] && [ ! -h "./$n" ] ' .. moved end
  if kind == nil then return '[ ! -e "./$n" ] && [ ! -h "./$n" ] ' .. moved end
  return '[ -e "./$n" ] && [ ! -f "./$n" ] && [ ! -d "./$n" ] && [ ! -h "./$n" ] ' .. moved
end

--- Owner and mode of "./$n"; nil leaves either as it is.
function place.give(owner, group, mode)
  local text = ""
  if owner or group then
    text = sh('chown -h -- %s "./$n" || exit 1\n', (owner or "") .. (group and ":" .. group or ""))
  end
  if mode then text = text .. sh('chmod -- %s "./$n" || exit 1\n', mode) end
  return text
end

--- What `validate` says to a file before it is in its place; %s in it is the path of the file to look at.
function place.validate(path, validate)
  if not validate then return "" end
  local parts, from = {}, 1
  while true do
    local at = validate:find("%s", from, true)
    parts[#parts + 1] = validate:sub(from, (at or 0) - 1)
    if not at then break end
    from = at + 2
  end
  return 'f=$PWD/$n\n( ' .. table.concat(parts, '"$f"') .. "\n) </dev/null || fail " ..
    sh.quote(("'%s' was not written: '%s' refused it"):format(path, validate)) .. "\n"
end

local LIKE = 'cp -p -- "../$n" "./$n" 2>/dev/null || { : >"./$n" && chmod %s "./$n"; } || exit 1\n'

--- A script that makes the file `path` of its standard input.
-- @param how { owner, group, mode, validate, replaces = kind of what is to be replaced, like = mode where there is no
--   file yet: owner and mode are otherwise those of the file that is replaced }
function place.write(path, how)
  local lines = {
    place.at(path), place.expect(path, how.replaces), "work\n",
    how.like and sh(LIKE, how.like) or "",
    'cat >"./$n" || exit 1\n',
    place.give(how.owner, how.group, how.mode), place.validate(path, how.validate),
    'sync "./$n" 2>/dev/null || :\n',
    how.replaces == "directory" and 'rmdir -- "../$n" || exit 1\n' or "", "put",
  }
  return table.concat(lines)
end

--- A script that makes something other than a file: `make` is shell text that makes "./$n".
function place.make(path, make, how)
  local gone = ""
  if how.replaces == "directory" then
    gone = 'rmdir -- "../$n" || exit 1\n'
  elseif how.replaces and how.clear then
    gone = 'rm -f -- "../$n" || exit 1\n'
  end
  return table.concat {
    place.at(path), place.expect(path, how.replaces), "work\n", make,
    place.give(how.owner, how.group, how.mode), gone, "put",
  }
end

--- A script that gives a file that is there another owner or mode. A second link to the file, in a directory that
-- nobody else can enter, is what chown and chmod get, so that no link planted meanwhile is followed.
function place.regive(path, how)
  return table.concat {
    place.at(path), place.expect(path, "file"), 'work\nln -- "../$n" "./$n" || exit 1\n', place.expect(path, "file"),
    place.give(how.owner, how.group, how.mode),
  }
end

--- A script that takes away what stands at `path`, if it still is what the plan saw; it is content when nothing does.
-- @param kind "file", "symlink", "directory" or "other"
-- @param check shell text that fails when "./$n" has moved in another way, or nil
function place.remove(path, kind, check, recursive)
  local dir = place.split(path)
  local away = kind ~= "directory" and 'rm -f -- "./$n"' or recursive and 'rm -rf -- "./$n"' or 'rmdir -- "./$n"'
  return table.concat {
    sh("[ -d %s ] || exit 0\n", dir), place.at(path), 'if [ ! -e "./$n" ] && [ ! -h "./$n" ]; then exit 0; fi\n',
    place.expect(path, kind), check or "", away,
  }
end

--- Shell text that fails with the status "moved" unless "./$n" has this SHA-256.
function place.same_content(path, sha256)
  return sh('set -- $(sha256sum <"./$n")\n[ "$1" = %s ] || fail %s 75\n', sha256,
    ("the content of '%s' is not what the plan saw: plan again"):format(path))
end

return place
