--- The lock of a run (see hostlock.lua) is taken again: from a run that has
-- ended though the host has not heard so, or by another connection of the same
-- run.

local loop = require "neap.core.loop"
local hostlock = require "neap.engine.hostlock"
local process = require "neap.engine.process"

local relock = {}

local TIMEOUT_MS = 30000
-- So long it is waited for a run that has the lock and has not said which it is.
local NAMELESS_MS = 6000

--- A script that ends the shell that holds a run's lock: its connection is
-- gone, but the host does not know yet.
-- @param only where it is this process, nil: whichever it is
function relock.break_script(only)
  return ("only=%s\n"):format(only and math.tointeger(only) or "") .. [[
L=/run/neap.lock; [ -w /run ] || L=${HOME:-/nowhere}/.neap.lock
[ -s "$L" ] || exit 0
IFS='	' read -r by since what pid run <"$L"
case $pid in ''|*[!0-9]*) exit 0;; esac
[ "${only:-$pid}" = "$pid" ] || exit 0
if command -v flock >/dev/null; then flock -n "$L" true && exit 0; fi
kill "$pid" 2>/dev/null || exit 0
for i in 1 2 3 4 5; do
kill -0 "$pid" 2>/dev/null || { echo "$by ($what)"; exit 0; }
sleep 1
done
echo "the run's shell ($pid) waits for what it has started: end that first" >&2; exit 75
]]
end

--- Whether the lock is that of a run of this machine that has ended, though the
-- host has not heard so.
function relock.is_stale(lock)
  local busy = lock.busy
  return busy and busy.pid and busy.by == hostlock.person() and process.has_ended(busy.run) or false
end

--- Whether the lock is that of a run that has not said which it is: it has just
-- begun, or has died before it could, and the host has not noticed.
function relock.is_nameless(lock) return lock.busy ~= nil and (lock.busy.run or "") == "" end

--- Takes the lock of a run again, on a connection that is to stand in for the
-- one that had it. Its shell may live on where the host has not heard that the
-- connection is gone: it is ended, and so is that of a run of this machine that
-- has ended, but nobody else's. Of one that nobody has said to be his the end,
-- or the name, is waited for.
-- @param lock what hostlock.parse said when it was taken
-- @return the lock as it is now, or nil, why not, and whose it is
function relock.take(conn, holder, lock)
  local broken, began = false, loop.now_ms()
  while true do
    local reply, message = conn:request { script = hostlock.take_script(holder), here = true, timeout_ms = TIMEOUT_MS }
    if not reply then return nil, message end
    local now = hostlock.parse(reply.out)
    local ok, problem = pcall(hostlock.check, now)
    if ok then return now end
    local pid = now.busy and now.busy.pid
    local waits = relock.is_nameless(now) and loop.now_ms() - began < NAMELESS_MS
    local breaks = not broken and pid and (pid == lock.pid or relock.is_stale(now))
    if not waits and not breaks then return nil, problem.message, now end
    if breaks then
      broken = true
      conn:request { script = relock.break_script(pid), capture = true, timeout_ms = TIMEOUT_MS }
    end
  end
end

return relock
