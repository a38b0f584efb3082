--- neap plan: shows what apply would change. Touches nothing. With -o it saves that, for `neap apply FILE`.
local abandoned = require "neap.engine.abandoned"
local run = require "neap.engine.run"
local saved = require "neap.engine.saved"

local function save(self)
  abandoned.stop(self)
  saved.save(self)
end

return function(opts)
  opts.playbook = opts.args[1]
  return run.show(opts, { source = abandoned.source, told = abandoned.told, save = opts.out and save })
end
