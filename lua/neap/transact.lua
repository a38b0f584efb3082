--- The script of a package transaction: one that leaves nothing behind, and that can be cut short and run again.
local apt = require "neap.apt"
local sh = require "neap.sh"

local transact = {}

-- Keeps services that Neap starts itself, and that do not run yet, from being started by the packages' set-up. The
-- policy ends with the process that made it, so that one left behind by a power cut does nothing.
local POLICY = [[
policy=/usr/sbin/policy-rc.d mine='made by neap for one package transaction'
if [ -e "$policy" ] && grep -q "$mine" "$policy"; then rm -f "$policy"; fi
keep=
for unit in $UNITS; do
  systemctl is-active --quiet "$unit" 2>/dev/null || keep="$keep|$unit|${unit%%.service}"
done
if [ -n "$keep" ] && [ ! -e "$policy" ]; then
  self=$(exec sh -c 'echo $PPID')
  trap 'rm -f "$policy"' EXIT
  trap 'exit 130' INT TERM HUP
  cat >"$policy.neap" <<END
#!/bin/sh
# $mine; without effect once process $self has ended
[ "\$(cat /proc/sys/kernel/random/boot_id)" = "$(cat /proc/sys/kernel/random/boot_id)" ] && kill -0 $self || exit 0
while [ "\${1#-}" != "\$1" ]; do shift; done
case \$1 in
${keep#|}) case \$2 in *start*) exit 101 ;; esac ;;
esac
exit 0
END
  chmod 755 "$policy.neap" && mv "$policy.neap" "$policy" || fail "cannot write $policy"
fi
]]

-- A transaction that was cut short by a power cut or a kill is brought to its end first. What cannot be set up may be
-- what is to go: where it is not, the transaction that follows fails and says why.
local REPAIR = [[
broken=
if interrupted; then
  broken=yes try=0
  while ! dpkg --configure -a --force-confdef --force-confold >"$D/repair.log" 2>&1 8>&-; do
    grep -q lock "$D/repair.log" && [ $try -lt 300 ] || break
    try=$((try + 1)); sleep 2
  done
fi
]]

local TRANSACT = [[
date +%s.%N >"$D/changed"
# the index that the plan has looked at, unless that was of sources that are still to be written or removed
[ "$(cat "$D/stamp" 2>/dev/null)" = "$(sources)" ] || update
transact() {
  apt_get -y -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    --allow-downgrades --allow-change-held-packages "$@" >"$D/apply.log" 2>&1 </dev/null || {
    grep -vE '^(Get:|Fetched|Need|After|Select|Prepar|Unpack|[(]?Read|Build|$)' "$D/apply.log" | tail -n 8 >&2
    fail "all that apt-get said stands in $D/apply.log"
  }
}
]]

-- A service that Neap has taken down before its package goes was disabled by nobody else: the package manager would
-- remember that, and the package would come again without it.
local FORGET = [[
forget() {
  command -v deb-systemd-helper >/dev/null || return 0
  dpkg -L "$@" 2>/dev/null | sed -n 's#.*/systemd/system/\([^/]*\.[a-z]*\)$#\1#p' | while read -r unit; do
    systemctl is-enabled -q "$unit" 2>/dev/null ||
      DPKG_MAINTSCRIPT_PACKAGE=$1 deb-systemd-helper purge "$unit" >/dev/null 2>&1
  done
}
]]

-- Not every package has systemd read its units anew when it brings another version of one.
local READ_UNITS = [[
if [ -d /run/systemd/system ] && systemctl show -P NeedDaemonReload '*' | grep -q yes; then
  systemctl daemon-reload || fail "systemd does not read its units"
fi
]]

--- Shell text, to follow apt.PRELUDE, that carries out the groups one after the other.
-- @param groups of package_plan.groups()
-- @param units units that Neap starts itself when their configuration is in place
function transact.script(groups, units)
  local text = { "UNITS=" .. sh.quote(table.concat(units, " ")) .. "\n", POLICY, REPAIR, TRANSACT }
  text[#text + 1] = '[ -z "$broken" ] || (transact -f --no-install-recommends install) 2>/dev/null\n'
  for _, group in ipairs(groups) do
    if group.leaving[1] then text[#text + 1] = FORGET .. "forget " .. sh.words(group.leaving) .. "\n" end
    text[#text + 1] = "transact " .. apt.words(group) .. "\n"
  end
  text[#text + 1] = READ_UNITS
  text[#text + 1] = 'rm -f "$D"/archives/*.deb\ndate +%s.%N >"$D/changed"\n'
  return table.concat(text)
end

return transact
