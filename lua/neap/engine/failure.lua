--- What becomes of a run in which something failed: what was done is kept, or the hosts that failed go back, or all.
local back = require "neap.engine.back"
local fault = require "neap.engine.fault"
local rolling = require "neap.engine.rolling"
local rotation = require "neap.engine.rotation"
local session = require "neap.engine.session"

local failure = {}

--- Whether a host has failed and is now to go back; once. One that is out of reach cannot, and what a person has
-- stopped stays as it is.
function failure.goes_back(self, host)
  if self.rolling.on_failure == "keep" or host.status == "ok" or host.status == "unreachable" then return false end
  if host.problem.code == "locked" then return false end -- it is another run's now
  if host.problem.code == "interrupted" or host.gone_back or not next(host.done_ids) then return false end
  host.gone_back = true
  return true
end

--- Takes the run's changes on a host back, because `why`; notes on the host how that ended.
-- @param hooks of back.host
function failure.take_back(self, host, why, hooks)
  self.ui:status(host.name .. ": going back")
  local ok, count, reason = pcall(back.host, host, hooks)
  if not ok then count, reason = nil, fault.plain(count) end
  local where, declared = host.problem and host.problem.where, host.problem and host.problem.declared
  if count then
    host.problem = fault.new("rolled-back", where, "%s\nwent back to what it was before this run", why)
  else
    host.problem = fault.new("failed", where, "%s\ndid not go back: %s", why, reason)
  end
  host.problem.declared = declared
  host.status = count and "rolled-back" or "failed"
  self.ui:event { event = "went-back", host = host.name, ok = count ~= nil, changes = count, message = reason }
end

--- Calls fn(host, why) for each host that succeeded and is to go back with those that did not, out of rotation
-- meanwhile.
function failure.others(self, fn)
  if self.rolling.on_failure ~= "rollback-all" or not rolling.has_failed(self) then return end
  local why = "went back with the others: " .. rolling.say_failed(self)
  session.each(self, "going back", function(host)
    if not host.done_ids or not next(host.done_ids) then return end
    rotation.around(self, host, function() fn(host, why) end)
  end)
end

return failure
