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
-- behind. A directory reached through a symbolic link is refused unless the link is root's or our own, and stands
-- where nobody else could put another: whoever owns a directory on the way could lead a write astray otherwise. Such
-- a path is walked name by name, and where each step has led is asked of the kernel, since what was looked at by name
-- may be another thing a moment later.
local sh = require "neap.sh"

local place = {}

--- Shell functions that all of these scripts begin with.
place.FUNCTIONS = [[
LC_ALL=C; export LC_ALL; umask 077
fail() { printf '%s\n' "$1" >&2; exit "${2:-1}"; }
# Whether the shell stands in $1, by what the kernel says: some shells believe what they were told.
stands() { [ "$(env pwd -P)" = "$1" ]; }
moved() { fail "'$1' moved while it was looked at" 75; }
# The target of the link $2 in the directory $1, where we are: none that a stranger made, or may put in its place.
target() {
  l=${1%/}/$2
  set -- "$2" $(stat -c '%u %g %a' . "./$2"; id -u)
  case $5 in 0 | "$8") ;; *) fail "'$l' is a symbolic link of user $5, and is not followed" 75 ;; esac
  case $4,$3 in
  [1357]???,*) return 0 ;;
  *[2367],* | *[2367]?,[1-9]*) set -- - - ;;
  esac
  case $2 in 0 | "$8") ;; *) fail "'$l' is a symbolic link where others may put another, and is not followed" 75 ;; esac
}
enter() {
  cd -P -- "$1" || exit 1
  top=${1%/}
  ! stands "$1" || return 0
  cd /; top= rest=$1/ links=0
  while [ -n "$rest" ]; do
    part=${rest%%/*}; rest=${rest#*/}
    case $part in
    '' | .) ;;
    ..) top=${top%/*}; cd -P .. && stands "${top:-/}" || moved "$1" ;;
    *) if [ -h "./$part" ]; then
        target "$top" "$part"
        links=$((links + 1)); [ $links -lt 40 ] || moved "$1"
        part=$(readlink "./$part"); rest=$part/$rest
        case $part in /*) cd /; top= ;; esac
      else
        top=$top/$part; cd -P -- "./$part" && stands "$top" || moved "$1"
      fi ;;
    esac
  done
}
work() {
  # Noted, so that the next run can take it away should this one be killed.
  [ ! -d /var/lib/neap ] || { printf '%s\n' "$top" >>/var/lib/neap/temp; } 2>/dev/null
  w=$(mktemp -d ./.neap.XXXXXX) && cd -P -- "$w" || exit 1
  stands "$top/${w#./}" && [ -O . ] || fail "'$top/${w#./}' was taken away" 75
  set -- * .[!.]* ..?* # as they stand, where nothing is in it
  case "$* $(stat -c %a .)" in
  '* .[!.]* ..?* 700' | '* .[!.]* ..?* 2700') ;;
  *) fail "'$top/${w#./}' was taken away" 75 ;;
  esac
  # In it, and not by its name: who owns the directory above may have given that to another one.
  trap 'rm -rf -- ./* ./.[!.]* ./..?*; cd .. && rmdir -- "$w"' EXIT
  trap 'exit 143' HUP INT TERM
}
# Under its own name into the directory above, so that no link in its place is followed.
put() { mv -f -- "./$n" .. || fail "cannot put '$n' into its place"; }
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
    error(("'%s' is no plain absolute path: write it from '/', without '.', '..', doubled slashes and one at the end")
      :format(path), 0)
  end
  return path
end

--- Whether a path lies in a directory, at whatever depth.
function place.lies_in(path, dir) return path:sub(1, #dir + 1) == dir .. "/" end

--- Whether a value is a path that place.check takes: a `kept` of attributes (see engine/schema.lua).
function place.is_path(value) return type(value) == "string" and (pcall(place.check, value)) end

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
-- but a directory, "mask" a link to /dev/null, or nothing by now.
function place.expect(path, kind)
  local moved = "|| fail " .. sh.quote(("'%s' is not what the plan saw: plan again"):format(path)) .. " 75\n"
  if kind == "any" then return '[ -h "./$n" ] || [ ! -d "./$n" ] ' .. moved end
  if kind == "mask" then
    return '[ ! -e "./$n" ] && [ ! -h "./$n" ] || [ "$(readlink "./$n")" = /dev/null ] ' .. moved
  end
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
  -- only with five digits does chmod of GNU take the set-group-ID bit off a directory
  if mode then text = text .. sh('chmod -- %s "./$n" || exit 1\n', "0" .. mode) end
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
  return 'f=$top/${w#./}/$n\n( ' .. table.concat(parts, '"$f"') .. "\n) </dev/null || fail " ..
    sh.quote(("'%s' was not written: '%s' refused it"):format(path, validate)) .. "\n"
end

--- A command that gives the file `to` what the file `from` has beside its content: owner, mode, ACL, extended
-- attributes. Where cp(1) is not that of GNU, or the file system has none of them, only owner and mode.
function place.attributes(from, to)
  return ('{ cp --attributes-only --preserve=all -- "%s" "%s" 2>/dev/null || cp -p -- "%s" "%s"; }'):format(from, to,
    from, to)
end

local LIKE = place.attributes("../$n", "./$n") .. ' 2>/dev/null || { : >"./$n" && chmod %s "./$n"; } || exit 1\n'

-- What is replaced is looked at by a second link, which nobody else can put another thing in the place of.
local KEEP = [[
o=old; [ "$n" != old ] || o=was
if ln -- "../$n" "./$o" 2>/dev/null && [ -f "./$o" ] && [ ! -h "./$o" ] && OWNED; then
  cp --attributes-only --preserve=all -- "./$o" "./$n" 2>/dev/null || rm -f -- "./$n"
  [ ! -e "./$n" ] || [ -w "./$n" ] || chmod u+w "./$n"
fi
]]

-- Shell text that gives the file that is about to be written the ACL and the extended attributes of the one that it
-- replaces, where that is a file and its owner stays: what another owner has said would let in whom he chose.
local function keep(how)
  if how.replaces ~= "file" and how.replaces ~= "any" then return "" end
  local owned = how.owner and ('case $(stat -c " %%u %%U " "./$o") in *" "%s" "*) ;; *) false ;; esac'):format(
    sh.quote(how.owner)) or '[ -O "./$o" ]'
  return (KEEP:gsub("OWNED", function() return owned end))
end

--- A script that makes the file `path` of its standard input.
-- @param how { owner, group, mode, validate, replaces = kind of what is to be replaced, like = mode where there is no
--   file yet: owner and mode are otherwise those of the file that is replaced }
function place.write(path, how)
  local lines = {
    place.at(path), place.expect(path, how.replaces), "work\n",
    how.like and sh(LIKE, how.like) or keep(how),
    'cat >"./$n" || exit 1\n',
    place.give(how.owner, how.group, how.mode), place.validate(path, how.validate),
    'sync "./$n" 2>/dev/null || :\n',
    how.replaces == "directory" and 'rmdir -- "../$n" || exit 1\n' or "", "put",
  }
  return table.concat(lines)
end

--- A script that makes something other than a file: `make` is shell text that makes "./$n".
-- @param how { owner, group, mode, replaces = kind of what is to be replaced, aside = shell text that moves that away,
--   run in its directory, clear = true where it is to be removed }: without either it is renamed over
function place.make(path, make, how)
  local gone = ""
  if how.replaces and how.aside then
    gone = "( cd -P .. || exit 1\n" .. how.aside .. ") || exit\n"
  elseif how.replaces == "directory" then
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
-- nobody else can enter, is what is looked at, and what chown and chmod get, so that nothing is given away that took
-- its place meanwhile.
-- @param check shell text that fails when "./$n" is another than the plan saw, or nil
function place.regive(path, how, check)
  return table.concat {
    place.at(path), place.expect(path, "file"), 'work\nln -- "../$n" "./$n" || exit 1\n', place.expect(path, "file"),
    check or "", place.give(how.owner, how.group, how.mode),
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
