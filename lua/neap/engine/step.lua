--- A step on a host: one script, its limit of time, and what is said of it where it fails.
local fault = require "neap.engine.fault"
local taint = require "neap.core.taint"

local step = {}

--- How long a step may take, where neither the playbook nor the type says otherwise.
step.TIMEOUT_MS = 30 * 60 * 1000

-- What a script exits with when what it is about to replace is not what the plan saw (EX_TEMPFAIL of sysexits.h).
local EXIT_MOVED = 75

--- The last lines of what a host said. Masked as a whole first: of a cut secret nothing would be found.
function step.last_lines(text, count)
  local lines = {}
  for line in taint.mask(text):gmatch("[^\n]+") do lines[#lines + 1] = line end
  return table.concat(lines, "\n", math.max(1, #lines - count + 1))
end

local function complaint(reply)
  local said = step.last_lines(reply.err, 12)
  if said == "" then said = step.last_lines(reply.out, 12) end
  if said == "" then return string.format("exit status %d", reply.rc) end
  return string.format("exit status %d: %s", reply.rc, said)
end

local function as_step(one)
  if type(one) == "table" then return one end
  return { run = one }
end

-- What the playbook says counts for each step of the resource.
local function limit_of(change, one)
  local seconds = change.resource.meta.timeout
  return seconds and seconds * 1000 or one.timeout_ms or step.TIMEOUT_MS
end

-- What a step is about, where that is more than the resource, whose id stands before it.
local function title_of(change, one)
  local resource, title = change.resource, one.title
  if not title or title == resource.key or title == resource.type .. " " .. resource.key then return "" end
  return title .. ": "
end

--- Sends one script; raises a fault when it fails.
-- @param self { conn, guard, interrupted } of apply.host
-- @param one { run, stdin, capture, timeout_ms, title }
-- @param prefix shell text to be run before, in the same request
function step.send(self, change, one, prefix)
  local reply, message, code = self.conn:request {
    script = (prefix or "") .. one.run, stdin = one.stdin, capture = one.capture ~= false,
    timeout_ms = self.guard:limit(limit_of(change, one)),
  }
  if not reply then fault.raise(fault.of_reply(self.conn, code), change.id, "%s", message) end
  if reply.rc == 0 then return reply end
  if reply.rc == EXIT_MOVED then fault.raise("stale", change.id, "%s", step.last_lines(reply.err, 3)) end
  local problem = fault.new("failed", change.id, "%s", title_of(change, one) .. complaint(reply))
  problem.said_by_host = true -- and not by a clock
  error(problem, 0)
end

--- Raises where a signal has come.
function step.stop_at_signal(self, change)
  local signal = self.interrupted()
  if signal then fault.raise("interrupted", change.id, "interrupted by signal %d", signal) end
end

--- Carries out a list of steps, or of scripts, one after the other.
function step.run(self, change, steps, prefix)
  for _, one in ipairs(steps) do
    step.stop_at_signal(self, change)
    step.send(self, change, as_step(one), prefix)
    prefix = nil
  end
end

return step
