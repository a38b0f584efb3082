--- What a package transaction will do, and what is in the packages that it brings.
-- apt(spec) -> { problem = text } or { groups = { neap.apt transaction … }, debs = { what neap.debs reads … } }.
-- The spec is JSON (a question's arguments are text): { groups, repositories, paths, contents, units, users }; see
-- neap.types.package. The packages are downloaded, but for those of a source `file:`, and their control archives read
-- in one pass over all of them: a .deb begins with three short members whose sizes stand in its first 132 bytes, and
-- apt's helper unpacks every kind of compression, so that looking costs one `dd` a package and five processes more.
local apt = require "neap.apt"
local base64 = require "neap.base64"
local json = require "neap.core.json"

-- Resolve and download; once more with a new index, should the mirror have moved on. Nothing is locked and nothing
-- of the host's changed, so that a transaction that was cut short, or is going on, is no hindrance. apt resolves
-- nothing new while dependencies are broken: then the plan is the repair, and what else can be said after it.
local RESOLVE = [[
[ "$before" = "$(changed)" ] ||
  fail "another run has changed packages on this host since it was looked at: plan again"
group=0 broken=
: >"$D/local" || fail "cannot write to $D"
in_place() { # packages of a source `file:` are read where they are: apt does not fetch them, and only tells their URIs
  grep -q '^Get:[0-9]* file:' "$D/plan.log" || return 0
  apt_get -y --print-uris -o Debug::NoLocking=true --allow-downgrades --allow-change-held-packages "$@" 2>/dev/null |
    perl -ne 'if (m{^\x27file:(?://)?(/[^\x27]*)}) { ($_ = $1) =~ s/%([0-9a-f]{2})/chr hex $1/gie; print "$_\n" }' \
      >>"$D/local"
}
resolve() {
  group=$((group + 1))
  for try in 1 2; do
    fresh && [ $try = 1 ] || update
    if apt_get -y -d -V -o Debug::NoLocking=true --allow-downgrades --allow-change-held-packages "$@" \
      >"$D/plan.log" 2>&1; then
      printf '#group %s\n' "$group"; cat "$D/plan.log"; in_place "$@"; return
    fi
    grep -q 'Failed to fetch' "$D/plan.log" || break
  done
  [ -z "$broken" ] || return
  printf '#refused %s\n' "$group"; cat "$D/plan.log"; exit 0
}
if interrupted; then resolve -f --no-install-recommends install; broken=yes; fi
]]

-- Turns the control archives of all packages, one tar after the other with its NUL bytes made newlines, into lines
-- of what was asked for. Fields are parted by tabs.
local AWK = [==[
function top(path,  part, n) {
  n = split(path, part, "/")
  if (part[2] ~ /^(usr|var|lib|bin|sbin)$/ || part[3] ~ /^(systemd|default|init.d|cron.d|logrotate.d|sysctl.d|apt)$/)
    return "/" part[2] "/" part[3] "/" part[4]
  return "/" part[2] "/" part[3]
}
function hit(tag, path,  dir) {
  dir = top(path)
  if (!(dir in tops) && (!sub("[^/]*$", "", dir) || !(dir in tops))) return
  if (!near) { near = 1; print "L" }
  if (path in asked) print tag "\t" path
  for (dir = path; sub("/[^/]*$", "", dir) && dir != "";)
    if (dir in asked && !((deb, dir) in said)) { said[deb, dir] = 1; print "D\t" dir }
}
function script(line) {
  if (line ~ /^[ ]*#/) return
  if (line ~ /deb-systemd-|adduser|addgroup|useradd|groupadd|sysusers|invoke-rc.d/ ||
      line ~ /(^|[ ;&|])(ln|mkdir|install|touch|cp|mv|chown|chmod) / || line ~ /^[ ]*[A-Za-z_][A-Za-z_0-9]*=/)
    print "S\t" line
}
BEGIN {
  while ((getline line < ENVIRON["asked"]) > 0) {
    kind = substr(line, 1, 2); line = substr(line, 3)
    if (kind == "p ") { asked[line] = 1; tops[top(line)] = 1 }
    if (kind == "u ") {
      units[line] = ""; name = line
      if (sub(/@.*[.]/, "@.", name)) of[name] = of[name] line "\t"
    }
    if (kind == "s ") { split(line, word, " "); units[word[1]] = word[2] }
    if (kind == "k ") known[line] = 1
    if (kind == "o ") old[line] = 1
  }
}
$0 == "" { next }
{ gsub("\t", " ") }
held != "" {
  if ($0 ~ /^0*[0-7][0-7][0-7]$/) {
    member = substr(held, 3); held = ""; joined = ""
    if (member == "") { deb++; near = 0; print "B" }
    next
  }
  held = ""
}
/^\.\/[a-z0-9]*$/ { held = $0; next }
member == "control" && /^Package: / { print "N\t" $2; if ($2 in known) print "R\t" $2 }
member == "control" && /^Version: / { print "V\t" $2 }
member == "conffiles" {
  hit("C", $NF)
  dir = $NF; sub("/[^/]*$", "", dir)
  if ($NF in old && ($NF in asked || dir in asked)) print "O\t" $NF
}
member == "md5sums" && $0 !~ /^\.|^root$|^ustar/ {
  path = "/" substr($0, 35)
  if (path ~ /\/systemd\/system\/[^\/]*$/) {
    name = path; sub(".*/", "", name)
    if (name in units) print "U\t" name "\t" units[name]
    n = name in of ? split(of[name], instance, "\t") : 0 # of this template
    for (i = 1; i < n; i++) if (instance[i] != name) print "U\t" instance[i] "\t" units[instance[i]]
  }
  hit("F", path)
}
member == "preinst" || member == "postinst" {
  if (sub(/\\$/, "")) { joined = joined $0; next }
  script(joined $0); joined = ""
}
]==]

-- What an archive listing (`tar -tv`) has of the asked paths and of what is right under them; and, into a file, the
-- names of those whose content was asked for.
local AWK_LIST = [==[
BEGIN {
  while ((getline line < ENVIRON["asked"]) > 0) {
    if (line ~ /^p /) asked[substr(line, 3)] = 1
    if (line ~ /^c /) content[substr(line, 3)] = 1
  }
  printf "" >ENVIRON["want"]
}
ENVIRON["only_etc"] && $6 !~ /^\.\/(etc\/.*)?$/ { exit }
{
  line = $0; sub("^([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ +)([^ ]+ )", "", line); sub("^[.]", "", line)
  target = ""; at = index(line, " -> ")
  if ($1 ~ /^l/ && at) { target = substr(line, at + 4); line = substr(line, 1, at - 1) }
  sub("/$", "", line)
  dir = line; sub("/[^/]*$", "", dir)
  if (line in asked || dir in asked) print "T\t" $1 "\t" $2 "\t" $3 "\t" line "\t" target
  if (line in content && $1 ~ /^-/ && $3 < 100000) print line >ENVIRON["want"]
}
]==]

-- What an earlier installation has left, added to what is asked: packages (k), their configuration files (o), that stay
-- away once they were deleted, and whether a unit was enabled when its package went (s): by the package's own set-up,
-- or by a link of somebody else's, as an instance of a template is.
local LEFT = [[
left() {
  dpkg-query -W -f '${db:Status-Status} ${Package}\n${Conffiles}\n' |
    awk '/^ / { if (known) print "o " $1; next } NF { known = $1 != "not-installed"; if (known) print "k " $2 }'
  sed -n 's/^u //p' "$asked" | while IFS= read -r unit; do
    links=/var/lib/systemd/deb-systemd-helper-enabled/$unit.dsh-also was=
    if [ -e "$links" ]; then
      was=yes
      while IFS= read -r link; do [ -L "$link" ] || was=no; done <"$links"
    else
      for link in /etc/systemd/system/*.wants/"$unit"; do [ ! -L "$link" ] || was=linked; done
    fi
    [ -z "$was" ] || printf 's %s %s\n' "$unit" "$was"
  done
}
]]

local INSPECT = LEFT .. [[
cd "$D/archives" || fail "cannot read $D/archives"
sort -u -o "$D/local" "$D/local"
set -- *.deb
[ -f "$1" ] || set --
while IFS= read -r deb; do [ ! -f "$deb" ] || set -- "$@" "$deb"; done <"$D/local"
[ $# -gt 0 ] || exit 0
W=$(mktemp -d "$D/look.XXXXXX") || fail "cannot write to $D"
trap 'rm -rf "$W"' EXIT
asked=$W/asked want=$W/want DPKG_DEB_THREADS_MAX=1; export asked want DPKG_DEB_THREADS_MAX
cat >"$asked"
left >"$W/left" && cat "$W/left" >>"$asked"
cat >"$W/awk" <<'END'
]] .. AWK .. "END\ncat >\"$W/list\" <<'END'\n" .. AWK_LIST .. [[
END
i=1000
head -q -c 132 "$@" | for f; do
  i=$((i + 1)); read -r _; read -r _; read -r _; read -r name _ _ _ _ size _
  dd if="$f" iflag=skip_bytes,count_bytes skip=132 count="$size" bs=256k status=none of="$W/$i.${name##*.}"
done
/usr/lib/apt/apt-helper cat-file "$W"/1*.* | tr '\0' '\n' | awk -f "$W/awk" >"$W/found" || fail "cannot read packages"
cat "$W/found"
look() { # the archive itself, of packages that bring something near to what was asked for
  size=$(wc -c <"$1") only_etc='' most=8388608
  [ "$size" -lt 262144 ] || only_etc=1 most=393216 # /etc comes first, and what is not read need not be unpacked
  export only_etc
  printf '#deb %s\n' "$2"
  dpkg-deb --fsys-tarfile "$1" 2>/dev/null | head -c $most | tar -tvf - 2>/dev/null | awk -f "$W/list"
  while IFS= read -r path; do
    dpkg-deb --fsys-tarfile "$1" 2>/dev/null | head -c $most |
      tar -xOf - --occurrence=1 "./${path#/}" 2>/dev/null >"$W/content"
    printf 'K\t%s\t%s\n' "$path" "$(base64 -w0 <"$W/content")"
  done <"$want"
}
n=0 near=
while IFS= read -r line; do
  case $line in
  B) n=$((n + 1)) near= ;;
  L) eval "look \"\${$n}\" $n" ;;
  esac
done <"$W/found"
]]

local function lines(spec)
  local out = {}
  local function add(tag, values)
    for _, value in ipairs(values) do
      if not value:find("\n", 1, true) then out[#out + 1] = tag .. " " .. value .. "\n" end
    end
  end
  add("p", spec.paths)
  add("c", spec.contents)
  add("u", spec.units)
  return table.concat(out)
end

local function script(list)
  local spec = json.decode(list[1][1])
  local text = { apt.PRELUDE, apt.with_sources(spec.repositories), RESOLVE }
  for _, group in ipairs(spec.groups) do text[#text + 1] = "resolve " .. apt.words(group) .. "\n" end
  text[#text + 1] = "printf '#packages\\n'\n" .. INSPECT
  return table.concat(text), lines(spec)
end

local function new_deb()
  return { conffiles = {}, old = {}, files = {}, dirs = {}, units = {}, script = {}, tree = {}, content = {} }
end

local read = {
  N = function(deb, name) deb.name = name end,
  V = function(deb, version) deb.version = version end,
  C = function(deb, path) deb.conffiles[path] = true end,
  F = function(deb, path) deb.files[path] = true end,
  D = function(deb, path) deb.dirs[path] = true end,
  U = function(deb, unit, was) deb.units[unit] = was and was ~= "" and was or "new" end,
  R = function(deb) deb.known = true end,
  O = function(deb, path) deb.old[path] = true end,
  S = function(deb, line) deb.script[#deb.script + 1] = line end,
  L = function() end,
  K = function(deb, path, text) deb.content[path] = base64.decode(text or "") end,
  T = function(deb, perms, owner, size, path, target)
    deb.tree[path] = { perms = perms, owner = owner, size = tonumber(size), target = target }
  end,
}

local function fields(line)
  local list = {}
  for field in (line .. "\t"):gmatch("([^\t]*)\t") do list[#list + 1] = field end
  return list
end

local function read_debs(text)
  local debs, deb = {}, nil
  for line in text:gmatch("[^\n]+") do
    local index = line:match("^#deb (%d+)$")
    if line == "B" then
      deb = new_deb()
      debs[#debs + 1] = deb
    elseif index then
      deb = debs[tonumber(index)]
    elseif deb then
      local f = fields(line)
      if read[f[1]] and #f >= (f[1] == "T" and 5 or 2) then read[f[1]](deb, table.unpack(f, 2)) end
    end
  end
  return debs
end

local function read_groups(text)
  local groups, log = {}, nil
  for line in text:gmatch("[^\n]+") do
    if line:find("^#group %d+$") then
      log = {}
      groups[#groups + 1] = log
    elseif log then
      log[#log + 1] = line
    end
  end
  for i, of_group in ipairs(groups) do groups[i] = apt.parse(table.concat(of_group, "\n")) end
  return groups
end

local function answer(r)
  if r.rc ~= 0 then return { problem = (r.err:gsub("%s+$", "")) } end
  local refused = r.out:match("#refused %d+\n(.*)")
  if refused then return { problem = apt.complaint(refused) } end
  local plans, rest = r.out:match("^(.-)#packages\n(.*)$")
  if not plans then return { problem = "the answer of apt-get is cut short: " .. r.err } end
  return { groups = read_groups(plans), debs = read_debs(rest) }
end

local function parse(r) return { answer(r) } end

return { name = "apt", script = script, parse = parse, timeout_ms = 20 * 60 * 1000 }
