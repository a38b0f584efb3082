--- neap rollback REV: hosts back to a recorded state.
local destination = require "neap.engine.destination"
local fault = require "neap.engine.fault"
local objections = require "neap.engine.objections"
local peers = require "neap.engine.peers"
local rollback = require "neap.engine.rollback"
local run = require "neap.engine.run"

local function first_problem(self)
  for _, host in ipairs(self.hosts) do
    if host.status ~= "ok" and host.status ~= "unreachable" then return host end
  end
end

-- All hosts or none: what cannot be brought back on one stops the run before
-- anything is changed. Those that are out of reach are another matter.
local function stop(self)
  local host = first_problem(self)
  if host then
    fault.raise(host.problem.code, host.name, "nothing was changed on any host: %s", tostring(host.problem))
  end
  peers.check(self)
  objections.stop(self)
end

return function(opts)
  local how = {
    verb = "rollback", first = destination.note, source = rollback.source, told = objections.told, stop = stop,
  }
  return (opts.plan or opts.check) and run.show(opts, how) or run.change(opts, how)
end
