--- neap plan: shows what apply would change. Touches nothing.
local converge = require "neap.engine.converge"
local run = require "neap.engine.run"

return function(opts)
  opts.playbook = opts.args[1]
  return run.show(opts, { source = converge.playbook })
end
