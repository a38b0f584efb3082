--- neap apply: plans, shows, asks, changes, looks again, records. Of a saved plan: what it holds, and nothing else.
local abandoned = require "neap.engine.abandoned"
local command = require "neap.engine.command"
local objections = require "neap.engine.objections"
local planfile = require "neap.engine.planfile"
local run = require "neap.engine.run"
local saved = require "neap.engine.saved"

local function apply_saved(opts)
  return command.plain(opts, function()
    local told = saved.open(opts.args[1], opts)
    local how = {
      verb = "apply", source = saved.source(told), told = objections.told,
      stop = function(self)
        saved.check(self, told)
        objections.stop(self)
      end,
      begin = function(self) saved.use(self, told) end,
    }
    return opts.check and run.show(opts, how) or run.change(opts, how)
  end)
end

return function(opts)
  if planfile.is(opts.args[1]) then return apply_saved(opts) end
  opts.playbook = opts.args[1]
  local how = { verb = "apply", source = abandoned.source, told = abandoned.told, stop = abandoned.stop }
  return opts.check and run.show(opts, how) or run.change(opts, how)
end
