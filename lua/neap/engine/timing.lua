--- How long the changes of a host take, one after the other; waiting for other hosts is counted apart.
local loop = require "neap.core.loop"

local timing = {}
local Timing = {}
Timing.__index = Timing

local function seconds(ms) return math.floor(ms + 0.5) / 1000 end

--- A watch over one host's changes, started now.
-- @param now function() -> milliseconds (nil: the loop's)
function timing.new(now)
  now = now or loop.now_ms
  return setmetatable({ now = now, since = now(), waited = 0 }, Timing)
end

--- Calls `fn`, which waits for another host.
function Timing:wait(fn, ...)
  local began = self.now()
  fn(...)
  self.waited = self.waited + self.now() - began
end

--- Ends the present change, begins the next.
-- @return the seconds that the change took, and those that were waited for others before it
function Timing:lap()
  local now, waited = self.now(), self.waited
  local took = now - self.since - waited
  self.since, self.waited = now, 0
  return seconds(took), seconds(waited)
end

--- A line of it for a person, nil for a change that went with the transaction of another.
function timing.say(change, took, waited)
  local batch, more = change.batch, ""
  if batch and batch.changes[1] ~= change then return nil end
  if batch and batch.changes[2] then more = (" and %d more"):format(#batch.changes - 1) end
  local after = waited >= 0.05 and (" after %.1f s of waiting"):format(waited) or ""
  return ("%s%s: %.1f s%s"):format(change.id, more, took, after)
end

return timing
