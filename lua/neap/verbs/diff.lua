--- neap diff A [B]: what differs between two recorded states (B: HEAD).
local command = require "neap.engine.command"
local log = require "neap.engine.log"

return function(opts)
  return command.plain(opts, function(ui)
    local st = log.open(opts)
    local a = log.resolve(st, opts.args[1])
    local b = log.resolve(st, opts.args[2] or "HEAD")
    local count = log.print_diff(ui, st, a, b, log.host_filter(opts, st, b))
    if count == 0 then ui:line("nothing differs") end
    st:close()
    return 0
  end)
end
