-- Changes go host by host: each web host leaves the balancers' rotation before it is changed, and comes back after.
local SOCKET = "/run/haproxy/admin.sock"

-- A balancer that has no HAProxy yet has nobody in rotation.
local SAY = ([[
[ -S %s ] && command -v socat >/dev/null || exit 0
say() { echo "$1" | socat -t 5 stdio unix-connect:%s; }
seen() { say 'show stat' | awk -F, -v name="$1" -v n="$2" '$1 == "web" && $2 == name { print $n }'; }
]]):format(SOCKET, SOCKET)

-- No new requests; those under way may end.
local DRAIN = SAY .. [[
[ -n "$(seen %s 18)" ] || exit 0
said=$(say 'set server web/%s state drain')
[ -z "$(echo $said)" ] || { echo "haproxy: $said" >&2; exit 1; }
n=0
while [ "$(seen %s 5)" != 0 ] && [ $n -lt %d ]; do sleep 0.5; n=$((n + 1)); done
]]

-- Back again, when HAProxy finds it well.
local ENABLE = SAY .. [[
[ -n "$(seen %s 18)" ] || exit 0
said=$(say 'set server web/%s state ready')
[ -z "$(echo $said)" ] || { echo "haproxy: $said" >&2; exit 1; }
n=0
until case "$(seen %s 18)" in UP* | 'no check') true ;; *) false ;; esac; do
  [ $n -lt %d ] || { echo "haproxy does not find it well" >&2; exit 1; }
  sleep 0.5; n=$((n + 1))
done
]]

return function(host, site)
  if #hosts "web" < 2 then return end -- nobody else is there to serve meanwhile
  local set, name = site.rotation, host.name
  rolling {
    serial = set.serial, max_fail = set.max_fail,
    drain = { on = "lb", run = DRAIN:format(name, name, name, set.drain_s * 2), timeout_s = set.drain_s + 30 },
    enable = { on = "lb", run = ENABLE:format(name, name, name, set.enable_s * 2), timeout_s = set.enable_s + 30 },
  }
end
