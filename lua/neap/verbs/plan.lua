--- neap plan: shows what apply would change. Touches nothing.
local command = require "neap.engine.command"
local converge = require "neap.engine.converge"
local session = require "neap.engine.session"

return function(opts)
  opts.playbook = opts.args[1]
  return command.over_hosts(opts, function(self)
    self.verb = "plan"
    converge.plan(self)
    local total = converge.show(self)
    session.problems(self)
    local exit = session.exit_code(self, total > 0 and 2 or 0)
    session.summary(self, exit, total)
    return exit
  end)
end
