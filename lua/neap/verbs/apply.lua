--- neap apply: plans, shows, asks, changes, looks again, records.
local converge = require "neap.engine.converge"
local run = require "neap.engine.run"

return function(opts)
  opts.playbook = opts.args[1]
  local how = { verb = "apply", source = converge.playbook }
  return opts.check and run.show(opts, how) or run.change(opts, how)
end
