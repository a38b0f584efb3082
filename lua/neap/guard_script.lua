--- The dead-man's switch on the host: scripts that hold what was, and bring it back.
--
--     /var/lib/neap/guard/<id>/       0700, root's
--         armed/                      while it is set; renamed to firing/, then fired/, or taken away
--         deadline                    the uptime at which it fires
--         before/                     what was: files, units, ruleset, accounts
--         watch                       the program: waits for the deadline, then goes back; `watch now WHY`: at once
--         run                         the process that holds the host's lock for the run
--         told                        the evidence, once it has fired; `known` when the run has it
--
-- The shell of a run that did not come back is ended: its connection may be cut for ever, and would keep its lock.
-- A unit of systemd goes back at the next boot, should the host start anew meanwhile.
-- Whoever renames `armed` decides, so that to disarm and to fire cannot both happen. Uptime, since clocks jump.
local place = require "neap.place"
local sh = require "neap.sh"

local script = {}

local DIR = "/var/lib/neap/guard"
script.DIR = DIR

local MARKS = "/var/lib/neap/pending/"

-- Where a mark of an owed restart stands.
function script.mark_of(id) return MARKS .. id:gsub("%%", "%%25"):gsub("/", "%%2F") end

local FUNCTIONS = place.FUNCTIONS .. [[
cd /
up() { read -r u _ </proc/uptime; u=${u%%.*}; }
limit() { if command -v timeout >/dev/null; then timeout "$@"; else shift; "$@"; fi; }
systemd() { [ -d /run/systemd/system ]; }
not_at_boot() { rm -f "$boot/neap-guard-${g##*/}.service" "$boot/multi-user.target.wants/neap-guard-${g##*/}.service"; }
deadline() { up; echo $((u + $1)) >"$g/deadline.new" && mv -f "$g/deadline.new" "$g/deadline"; }
]]

local SAVE = [=[
keep() {
  k=other
  if [ -h "$2" ]; then k=link; elif [ -f "$2" ]; then k=file; elif [ -d "$2" ]; then k=directory
  elif [ ! -e "$2" ]; then k=absent; fi
  case $k in
  link | file) cp -a -- "$2" "$g/before/$1" || exit 1 ;;
  directory) stat -c '%u:%g %a' -- "$2" >"$g/before/$1.mode" || exit 1
    [ "$3" != whole ] || cp -a -- "$2" "$g/before/$1" || exit 1 ;;
  esac
  echo $k >"$g/before/$1.kind" || exit 1
}
units() {
  systemd || return 0
  for w; do
    e=$(systemctl is-enabled "$w" 2>/dev/null)
    case $e in '' | not-found) continue ;; esac
    echo "$w $(systemctl is-active "$w" 2>/dev/null) $e"
  done >"$g/before/units" || exit 1
}
ruleset() {
  command -v nft >/dev/null || return 0
  { echo 'flush ruleset'; nft list ruleset; } >"$g/before/ruleset" || exit 1
}
run_of() {
  for l in /run/neap.lock "${HOME:-/nowhere}/.neap.lock"; do
    [ ! -s "$l" ] || { sed -n '1s/.*[[:blank:]]\([0-9][0-9]*\)$/\1/p' "$l" >"$g/run"; break; }
  done
}
at_boot() {
  systemd || return 0
  f=neap-guard-${g##*/}.service
  printf '[Unit]\nDescription=Lock-out guard of neap\n[Service]\nType=oneshot\nExecStart=/bin/sh %s boot\n' "$g/watch" \
    >"$boot/$f" && mkdir -p "$boot/multi-user.target.wants" && ln -s "../$f" "$boot/multi-user.target.wants/$f"
}
accounts() {
  for f in passwd group shadow gshadow; do [ ! -e "/etc/$f" ] || cp -p "/etc/$f" "$g/before/" || exit 1; done
}
]=]

local BACK = [[
back() (
  n=${2##*/} d=${2%/*} k=$(cat "$g/before/$1.kind")
  if [ ! -d "${d:-/}" ]; then [ "$k" != absent ] || exit 0; mkdir -p -- "$d" || exit 1; fi
  enter "${d:-/}"
  case $k in
  absent) if [ -d "./$n" ] && [ ! -h "./$n" ]; then rmdir -- "./$n"; else rm -f -- "./$n"; fi ;;
  directory)
    if [ -d "$g/before/$1" ]; then
      work
      cp -a -- "$g/before/$1" "./$n" || exit 1
      if [ -e "../$n" ] || [ -h "../$n" ]; then mkdir ./old && mv -- "../$n" ./old/ || exit 1; fi
      put
    else
      [ -d "./$n" ] || mkdir -- "./$n" || exit 1
      read -r o m <"$g/before/$1.mode" && chown -h -- "$o" "./$n" && chmod -- "00$m" "./$n"
    fi ;;
  link | file)
    [ ! -d "./$n" ] || [ -h "./$n" ] || rm -rf -- "./$n"
    work
    cp -a -- "$g/before/$1" "./$n" && put ;;
  esac
)
tell() {
  a=$g/before/$1 b=$2
  [ -f "$a" ] || a=/dev/null
  [ -f "$b" ] && [ ! -h "$b" ] || b=/dev/null
  cmp -s "$a" "$b" && return 0
  echo "changed: $2"
  [ "$3" = secret ] || diff -U 2 "$a" "$b" 2>/dev/null | sed 1,2d | head -n 200
}
words() { said=$(limit 5 sh -c "$1" 2>&1 </dev/null | head -n 40); [ -z "$said" ] || printf '%s\n' "$said"; }
rules_back() {
  if [ -s "$g/before/ruleset" ]; then nft -f "$g/before/ruleset"
  elif command -v nft >/dev/null; then nft flush ruleset; fi
}
units_back() {
  systemd || { [ ! -s /run/sshd.pid ] || kill -HUP "$(cat /run/sshd.pid)"; return; }
  limit 30 systemctl daemon-reload
  while read -r w a e; do
    is=$(systemctl is-enabled "$w" 2>/dev/null)
    case $e in
    "$is") ;;
    masked) systemctl mask "$w" ;;
    enabled) systemctl unmask "$w"; systemctl enable "$w" ;;
    disabled) systemctl unmask "$w"; systemctl disable "$w" ;;
    esac
    systemctl reset-failed "$w"
    case $a in
    active | reloading | activating) limit 60 systemctl reload-or-restart "$w" || limit 60 systemctl restart "$w" ;;
    *) limit 60 systemctl stop "$w" ;;
    esac
  done <"$g/before/units" 2>/dev/null
}
line_back() (
  [ -e "$g/before/$1" ] || exit 0
  n=$1
  enter /etc
  work
  cp -p "/etc/$n" "./$n" && awk -F: -v name="$2" '
    FILENAME == ARGV[1] { if ($1 == name) { was = $0; had = 1 } next }
    $1 == name { if (had) print was; had = 0; next }
    { print }
    END { if (had) print was }' "$g/before/$n" "/etc/$n" >"./$n" && put
)
member_back() (
  [ -e "$g/before/$1" ] || exit 0
  n=$1
  enter /etc
  work
  cp -p "/etc/$n" "./$n" && awk -F: -v OFS=: -v name="$2" '
    function without(list,  i, count, all, left) {
      count = split(list, all, ",")
      for (i = 1; i <= count; i++) if (all[i] != name) left = left (left == "" ? "" : ",") all[i]
      return left
    }
    FILENAME == ARGV[1] { was[$1] = without($4) != $4; next }
    { left = without($4); if (was[$1]) left = left (left == "" ? "" : ",") name; if (left != $4) $4 = left; print }
    ' "$g/before/$n" "/etc/$n" >"./$n" && put
)
user_back() {
  was=$(grep "^$1:" "$g/before/passwd") is=$(grep "^$1:" /etc/passwd)
  echo "user $1 was: ${was:-absent}"; echo "user $1 became: ${is:-absent}"
  line_back passwd "$1"; line_back shadow "$1"
  case $was in
  ?*) own=$(awk -F: -v gid="$(echo "$was" | cut -d: -f4)" '$3 == gid { print $1 }' "$g/before/group")
    [ -z "$own" ] || grep -q "^$own:" /etc/group || group_back "$own" ;;
  esac
  member_back group "$1"; member_back gshadow "$1"
}
group_back() { line_back group "$1"; line_back gshadow "$1"; }
]]

-- What `watch` does: wait, decide, go back, say so.
local MAIN = [[
trap '' HUP
over() { [ -d "$g/firing" ] || [ -d "$g/fired" ]; }
# waits up to $1 tenths of a second for the rest of the line
await() { n=0; w=$1; shift; until "$@" || [ $n -ge "$w" ]; do sleep 0.1 2>/dev/null || sleep 1; n=$((n + 1)); done; }
if [ "$1" = now ]; then
  printf '%s\n' "$2" >"$g/why"
  deadline 0
  await 30 over
elif [ "$1" = boot ]; then
  echo "the host started anew before neap had come back" >"$g/why"
else
  echo $$ >"$g/pid"
  while [ -d "$g/armed" ]; do
    t=0
    read -r t <"$g/deadline"
    up
    [ "$u" -lt "$t" ] || break
    sleep 1
  done
fi
# what a start of the host has cut off is taken up again: all of it may be done twice, while `before` is there
resumed() { [ "$1" = boot ] && [ -d "$g/firing" ]; }
if mv "$g/armed" "$g/firing" 2>/dev/null || resumed "$1"; then
  why="neap did not come back in time"
  if [ -s "$g/why" ]; then read -r why <"$g/why"
  elif [ -s "$g/run" ]; then read -r p <"$g/run"; kill -HUP "$p"; fi
  if [ -d "$g/before" ]; then
    { echo "went back at $(date -u +%Y-%m-%dT%H:%M:%SZ): $why"; evidence; } >"$g/told" 2>&1
    go_back >>"$g/told" 2>&1
    sync
    mv "$g/before" "$g/was"
  fi
  rm -rf "$g/was" "$g/undo"
  not_at_boot
  ! systemd || limit 30 systemctl daemon-reload
  mv "$g/firing" "$g/fired"
fi
[ "$1" = now ] || exit 0
await 1200 [ -d "$g/fired" ]
[ -d "$g/fired" ] && cat "$g/told" && : >"$g/known"
]]

local function dir_of(id) return DIR .. "/" .. id end

local function at(id) return sh("boot=/etc/systemd/system g=%s\n", dir_of(id)) end

--- The script that keeps what is to be kept, writes its program from standard input, and starts it.
-- @param guard { id, timeout_s, saves = { { path, whole } … }, units = { names }, ruleset, accounts }
function script.arm(guard)
  local text = {
    FUNCTIONS, SAVE, at(guard.id), sh("mkdir -p -m 0700 %s && mkdir \"$g\" \"$g/before\" \"$g/undo\" || exit 1\n", DIR),
    "cat >\"$g/watch\" || exit 1\n",
  }
  for i, save in ipairs(guard.saves) do
    text[#text + 1] = sh("keep %d %s %s\n", i, save.path, save.whole and "whole" or "alone")
  end
  text[#text + 1] = "run_of\n"
  text[#text + 1] = guard.units[1] and "units " .. sh.words(guard.units) .. "\n" or ""
  text[#text + 1] = guard.ruleset and "ruleset\n" or ""
  text[#text + 1] = guard.accounts and "accounts\n" or ""
  text[#text + 1] = sh([[
deadline %d && at_boot && mkdir "$g/armed" || exit 1
systemd && systemd-run --quiet --collect --unit=%s sh "$g/watch" 2>/dev/null || {
  command -v setsid >/dev/null && setsid sh "$g/watch" || nohup sh "$g/watch"
} </dev/null >/dev/null 2>&1 3<&- 4<&- &
n=0
until [ -s "$g/pid" ]; do
  n=$((n + 1)); sleep 0.05 2>/dev/null || sleep 1
  [ $n -lt 200 ] || { rm -rf "$g"; echo "the guard does not start" >&2; exit 1; }
done
sync
]], guard.timeout_s, "neap-guard-" .. guard.id)
  return table.concat(text)
end

local function evidence_of(guard)
  local text = { "evidence() {\n" }
  for _, id in ipairs(guard.ids) do text[#text + 1] = sh("echo %s\n", "touched: " .. id) end
  for i, save in ipairs(guard.saves) do
    if not save.quiet then
      text[#text + 1] = sh("tell %d %s %s\n", i, save.path, save.secret and "secret" or "plain")
    end
  end
  for _, words in ipairs(guard.words) do text[#text + 1] = sh("words %s\n", words) end
  for _, unit in ipairs(guard.units) do
    text[#text + 1] = sh("words %s\n", ("systemctl --no-pager --lines=4 status %s | sed '/Active:/,$!d'"):format(unit))
  end
  text[#text + 1] = ":\n}\n"
  return table.concat(text)
end

local function undo_of(guard)
  local text = {}
  for i, undo in ipairs(guard.undo) do
    text[#text + 1] = sh("( . \"$g/undo/%d\" ) <%s\n", i, undo.stdin and dir_of(guard.id) .. "/undo/" .. i .. ".in"
      or "/dev/null")
  end
  return table.concat(text)
end

local function redo_of(guard)
  local text = {}
  for i = 1, #guard.redo do text[#text + 1] = sh("( . \"$g/undo/again%d\" ) </dev/null\n", i) end
  return table.concat(text)
end

--- The program that `arm` starts: goes back in the opposite order, then makes it effective.
function script.program(guard)
  local text = { FUNCTIONS, BACK, at(guard.id), evidence_of(guard), "go_back() {\n" }
  if guard.ruleset then text[#text + 1] = "rules_back\n" end
  text[#text + 1] = undo_of(guard)
  for i = #guard.saves, 1, -1 do text[#text + 1] = sh("back %d %s\n", i, guard.saves[i].path) end
  for _, name in ipairs(guard.users) do text[#text + 1] = sh("user_back %s\n", name) end
  for _, name in ipairs(guard.groups) do text[#text + 1] = sh("group_back %s\n", name) end
  if guard.units[1] then text[#text + 1] = "units_back\n" end
  text[#text + 1] = redo_of(guard)
  if guard.ruleset then text[#text + 1] = "rules_back\n" end
  text[#text + 1] = "echo 'it is as it was before'\n}\n" .. MAIN
  return table.concat(text)
end

--- Puts standard input into the guard's folder; before `arm` has made it, into none.
function script.put(id, name) return at(id) .. sh("umask 077; cat >\"$g/undo/\"%s && sync\n", name) end

--- Sets the deadline anew; fails with 9 where the guard has fired.
function script.renew(id, timeout_s)
  return FUNCTIONS .. at(id) .. sh("deadline %d && [ -d \"$g/armed\" ] || exit 9\n", timeout_s)
end

--- Disarms and takes all of it away; fails with 9 where the guard has fired.
function script.disarm(id)
  return FUNCTIONS .. at(id) .. [[
mv "$g/armed" "$g/off" 2>/dev/null || exit 9
# on the disk before anybody is told: after a power cut it would be armed again
sync "$g" 2>/dev/null || sync
not_at_boot
read -r p <"$g/pid" && { kill -- "-$p" 2>/dev/null || kill "$p" 2>/dev/null; }
rm -rf "$g" && rmdir "${g%/*}" 2>/dev/null
:
]]
end

--- Goes back at once, or waits until it has; prints the evidence.
function script.fire(id, why) return at(id) .. sh("sh \"$g/watch\" now %s </dev/null\n", why) end

--- What is left of guards of earlier runs: a line each, "ID armed SECONDS-LEFT", "ID fired", or "ID known"
-- where the run itself has heard of it.
script.FACTS = [[
for g in /var/lib/neap/guard/*/; do
  [ -d "$g" ] || continue
  g=${g%/}
  if [ -e "$g/known" ]; then echo "${g##*/} known"
  elif [ -d "$g/fired" ]; then echo "${g##*/} fired"
  elif [ -d "$g/armed" ] || [ -d "$g/firing" ]; then
    read -r t <"$g/deadline"; read -r u _ </proc/uptime
    echo "${g##*/} armed $((t - ${u%%.*}))"
  else echo "${g##*/} broken"; fi
done
]]

--- Prints the evidence of a guard that has fired.
function script.told(id) return at(id) .. "cat \"$g/told\" 2>/dev/null\n:\n" end

--- Takes away what is left of it.
function script.clean(id)
  return FUNCTIONS .. at(id) .. "not_at_boot; rm -rf \"$g\"; rmdir \"${g%/*}\" 2>/dev/null\n:\n"
end

return script
