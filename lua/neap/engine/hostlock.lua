--- Locks on a host.
--
-- One run at a time changes a host. Its lock is a descriptor that the shell
-- of its connection holds on a file (flock): when the connection or the host
-- dies, the lock is gone, and what the run had started is waited for. It is
-- taken by the first script of the connection, so it costs no round trip. A
-- run that only looks takes none.
--
-- A person's lock (`neap lock`) is a file on the host, with a reason and
-- perhaps an end, which whoever wants to change the host is told.

local json = require "neap.core.json"
local sys = require "neap.core.sys"
local fault = require "neap.engine.fault"
local process = require "neap.engine.process"
local sh = require "neap.sh"

local hostlock = {}

-- The end of the year 9999: what a host calls a time may be any number.
local LATEST_S = 253402300799

local HELD = "/var/lib/neap/locked"
-- That the host is out of rotation, by whom and since when (see rotation.lua).
local DRAINED = "/var/lib/neap/drained"

-- Takes away temporary directories beside what a run wrote, where it noted
-- them (see neap.place). What cannot be taken away now stays noted.
local SWEEP = [[
clean() { c=0; for w do
[ ! -d "$w" ] || [ -h "$w" ] || [ ! -O "$w" ] || rm -rf -- "$w" || c=1
done; return $c; }
T=/var/lib/neap/temp; [ ! -f $T ] || {
while IFS= read -r p; do clean "$p"/.neap.?????? || printf '%s\n' "$p"; done <$T >$T.new
if [ -s $T.new ]; then mv -f $T.new $T; else rm -f $T $T.new; fi
} 2>/dev/null
]]

-- What a run that died has left: the last line of its journal, temporary
-- directories beside what it wrote, and its shell's own.
local CLEAN = SWEEP .. [[
for w in /dev/shm/neap.*.?????? /run/neap.*.??????; do
p=${w#*/neap.}; kill -0 "${p%%.*}" 2>/dev/null || clean "$w"
done
cd /var/lib/neap 2>/dev/null || exit 0
echo "[unfinished]"; [ ! -f journal ] || exec tail -n 1 journal
]]

-- Runs in the shell that keeps the connection and leaves that one's variables
-- alone. Descriptor 4 is no other script's. A run that is just ending is waited
-- for. What the file says is of the run before until the shell that has the lock
-- has written; it is told only while that shell lives. Where there is no
-- flock(1), the file that names the shell stands for it.
local TAKE = [[
echo "[lock]"
L=/run/neap.lock; [ -w /run ] || L=${HOME:-/nowhere}/.neap.lock; J=0
if ! [ -w "$L" ] && ! (umask 077; : >>"$L") 2>/dev/null; then echo "unlockable $L"
else
exec 4<>"$L"
while :; do
if command -v flock >/dev/null; then flock -n 4 && J=own
else
P=; read -r P 2>/dev/null <"$L.pid"; [ -z "$P" ] || kill -0 "$P" 2>/dev/null || rm -f "$L.pid"
(set -C; echo $$ >"$L.pid") 2>/dev/null && J=own
fi
[ $J != own ] || break
[ $J -lt 3 ] || break
J=$((J+1)); sleep 1
done
if [ $J = own ]; then printf '%%s\t%%s\t%%s\n' %s $$ %s >"$L"; echo "taken $$"
else
exec 4<&-; echo busy
IFS='	' read -r P P P P _ <"$L"
case $P in ''|*[!0-9]*) ;; *) ! kill -0 "$P" 2>/dev/null || cat "$L" ;; esac
fi
fi
[ $J != own ] || (
]] .. CLEAN:gsub("%%", "%%%%") .. [[
)
unset L J P
]]

local SEE = [[
echo "[locked]"; [ ! -f ]] .. HELD .. [[ ] || cat ]] .. HELD .. [[

echo "[drained]"; [ ! -f ]] .. DRAINED .. [[ ] || cat ]] .. DRAINED .. "\n"

local CHANGES = { apply = true, rollback = true }

--- The script that takes the lock.
function hostlock.take_script(holder) return sh(TAKE, holder, process.me()) end

--- What this run says of itself in the locks that it takes: nil for one that
-- changes nothing.
function hostlock.holder(self)
  if not CHANGES[self.verb] or self.opts.check or self.opts.plan then return nil end
  local what = self.opts.args[1]
  return hostlock.person() .. string.format("\t%d\t%s%s", math.floor(sys.time()), self.verb,
    what and " " .. what:match("[^/]*$"):gsub("%c", "?") or "")
end

--- Who this is: "ada@ctl".
function hostlock.person()
  local operator, machine = sys.operator()
  return (operator .. "@" .. machine):gsub("%c", "?")
end

--- A script that takes away what scripts that were killed have left.
function hostlock.sweep_script() return SWEEP end

--- The first script of a connection: a look at locks, `facts`, and with
-- `holder` the run's own lock.
function hostlock.prologue(facts, holder)
  if not holder then return SEE .. facts end
  return "(\n" .. SEE .. facts .. ")\n" .. hostlock.take_script(holder)
end

local function lines_of(text, section)
  local body = ("\n" .. text):match("\n%[" .. section .. "%]\n(.*)$") or ""
  local list = {}
  for line in body:gmatch("([^\n]*)\n") do
    if line:match("^%[%a+%]$") then break end
    list[#list + 1] = line
  end
  return list
end

local function fields(line)
  local list = {}
  for field in ((line or "") .. "\t"):gmatch("([^\t]*)\t") do list[#list + 1] = field end
  return list
end

--- What the first script saw: { own = bool, pid = of the shell that holds the
--   run's own lock, busy = { by, since, what, pid, run }, unlockable = path,
--   held = { by, since, ends, reason }, unfinished = the last line of the
--   journal of a run that did not end, drained = { by, since } of a host that
--   is out of rotation }.
function hostlock.parse(text)
  local lock, lines = {}, lines_of(text, "lock")
  local state, rest = (lines[1] or ""):match("^(%S+) ?(.*)$")
  lock.own = state == "taken"
  lock.pid = lock.own and math.tointeger(tonumber(rest)) or nil
  if state == "unlockable" then lock.unlockable = rest end
  if state == "busy" then
    local f = fields(lines[2])
    lock.busy = { by = f[1], since = tonumber(f[2]), what = f[3], pid = math.tointeger(tonumber(f[4])), run = f[5] }
  end
  local last = json.decode(lines_of(text, "unfinished")[1] or "")
  if type(last) == "table" and not last.ended then lock.unfinished = last end
  local f = fields(lines_of(text, "locked")[1])
  if f[4] then lock.held = { by = f[1], since = tonumber(f[2]), ends = tonumber(f[3]), reason = f[4] } end
  f = fields(lines_of(text, "drained")[1])
  if f[2] then lock.drained = { by = f[1], since = tonumber(f[2]) } end
  return lock
end

--- A time as one says it today: without the date.
function hostlock.when(seconds)
  if not (type(seconds) == "number" and seconds >= 0 and seconds <= LATEST_S) then return "some time" end
  seconds = math.floor(seconds)
  local same_day = os.date("%F", seconds) == os.date("%F", math.floor(sys.time()))
  return os.date(same_day and "%H:%M" or "%F %H:%M", seconds)
end

--- A lock in words.
function hostlock.say(lock)
  local busy, held = lock.busy, lock.held
  if busy and (busy.by or "") ~= "" then
    return string.format("locked by %s since %s (%s)", busy.by, hostlock.when(busy.since), busy.what or "?")
  elseif busy then
    return "locked by another run that has just begun"
  elseif held then
    return string.format("locked by %s since %s%s: %s", held.by, hostlock.when(held.since),
      held.ends and held.ends > 0 and " until " .. hostlock.when(held.ends) or "",
      held.reason ~= "" and held.reason or "no reason given")
  end
end

--- Whether a person's lock is (still) good.
function hostlock.is_held(lock)
  local held = lock.held
  return held and not (held.ends and held.ends > 0 and held.ends <= sys.time())
end

--- Raises a fault unless the run may change the host.
function hostlock.check(lock)
  if lock.busy then fault.raise("locked", nil, "%s", hostlock.say(lock)) end
  if hostlock.is_held(lock) then
    fault.raise("locked", nil, "%s; `neap unlock` takes it away", hostlock.say(lock))
  end
  if lock.unlockable then fault.raise("failed", nil, "cannot be locked: '%s' cannot be written", lock.unlockable) end
  if not lock.own then fault.raise("failed", nil, "cannot be locked: the host gave no answer to that") end
end

--- What is written down of a host that leaves the rotation now.
function hostlock.drained_now() return { by = hostlock.person(), since = math.floor(sys.time()) } end

--- A script that writes that down on the host.
function hostlock.drained_script(out)
  return sh([[
umask 022; mkdir -p /var/lib/neap && printf '%%s\t%%d\n' %s %d >%s.new && mv -f %s.new %s || exit 1
sync %s 2>/dev/null || :
]], out.by, out.since, DRAINED, DRAINED, DRAINED, DRAINED)
end

--- And one that takes it away.
function hostlock.enabled_script() return sh("rm -f %s\n", DRAINED) end

--- A script that writes a person's lock; one that is there stays if it is
-- somebody else's.
function hostlock.hold_script(ends, reason)
  local me = hostlock.person()
  local line = string.format("%s\t%d\t%d\t%s", me, math.floor(sys.time()), ends or 0, (reason or ""):gsub("%c", " "))
  return sh([[
umask 022; mkdir -p /var/lib/neap || exit 1
by=; [ ! -f %s ] || IFS='	' read -r by rest <%s
[ -z "$by" ] || [ "$by" = %s ] || { echo "is locked by $by: $rest" >&2; exit 75; }
printf '%%s\n' %s >%s.new && mv -f %s.new %s
]], HELD, HELD, me, line, HELD, HELD, HELD)
end

--- A script that takes a person's lock away.
function hostlock.release_script() return sh("[ ! -e %s ] || rm %s\n", HELD, HELD) end

return hostlock
