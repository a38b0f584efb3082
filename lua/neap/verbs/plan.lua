--- neap plan: shows what apply would change. Touches nothing.
local abandoned = require "neap.engine.abandoned"
local run = require "neap.engine.run"

return function(opts)
  opts.playbook = opts.args[1]
  return run.show(opts, { source = abandoned.source, told = abandoned.told })
end
