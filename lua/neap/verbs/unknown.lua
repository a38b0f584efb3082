--- A verb that is none: `args` are that word and all verbs that there are.
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local near = require "neap.near"

return function(opts)
  return command.plain(opts, function()
    local word = table.remove(opts.args, 1)
    fault.raise("usage", nil, "neap: unknown verb '%s'%s; see 'neap --help'", word, near.hint(word, opts.args))
  end)
end
