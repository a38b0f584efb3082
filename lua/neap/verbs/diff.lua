--- neap diff A [B]: what differs between two recorded states (B: HEAD), attribute by attribute; each may be "genesis",
-- the state before Neap.
local between = require "neap.engine.between"
local command = require "neap.engine.command"
local log = require "neap.engine.log"

-- A revision as a commit id; nil: the empty state.
local function state_at(st, rev) return rev ~= "genesis" and log.resolve(st, rev) or nil end

return function(opts)
  return command.plain(opts, function(ui)
    local st = log.open(opts)
    local a, b = state_at(st, opts.args[1]), state_at(st, opts.args[2] or "HEAD")
    local plans = between.plans(st, a, b, log.host_filter(opts, st, a, b))
    local total = between.print(plans, ui)
    if #plans == 0 then ui:line("nothing differs") end
    log.summary(ui, total, b)
    st:close()
    return 0
  end)
end
