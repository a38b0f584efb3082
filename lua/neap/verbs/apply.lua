--- neap apply: plans, shows, asks, changes, looks again, records.
local abandoned = require "neap.engine.abandoned"
local run = require "neap.engine.run"

return function(opts)
  opts.playbook = opts.args[1]
  local how = { verb = "apply", source = abandoned.source, told = abandoned.told, stop = abandoned.stop }
  return opts.check and run.show(opts, how) or run.change(opts, how)
end
