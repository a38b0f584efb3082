--- What all verbs that reach hosts have in common: a session inside the
-- event loop, complaints at the end, a clean goodbye, an exit code.

local loop = require "neap.core.loop"
local fault = require "neap.engine.fault"
local session = require "neap.engine.session"
local ui_module = require "neap.ui"

local command = {}

local EXIT_OF = { usage = 1, playbook = 1, inventory = 1, store = 3, locked = 6, stale = 5, interrupted = 130 }

for _, code in ipairs { "unreachable", "timeout", "hostkey", "auth", "sudo", "shell", "closed", "protocol" } do
  EXIT_OF[code] = 4
end

--- The ui that the options ask for.
function command.ui(opts)
  local color
  if opts.no_color then color = false end
  return ui_module.new { json = opts.json, color = color, verbose = opts.verbose, quiet = opts.quiet }
end

--- The exit code for a fault. Ctrl-C at a question is no signal that the loop has seen.
function command.exit_of(problem)
  local signal = problem.code == "interrupted" and loop.signal()
  return signal and 128 + signal or EXIT_OF[problem.code] or 3
end

--- Says what went wrong and gives the exit code for it.
function command.complain(ui, problem)
  if not fault.is(problem) then
    ui:err("neap: this is a mistake in neap or in a resource type:\n" .. tostring(problem))
    return 1
  end
  ui:err(tostring(problem))
  ui:event { event = "error", code = problem.code, where = problem.where, message = problem.message }
  return command.exit_of(problem)
end

local function guarded(fn, ...)
  return xpcall(fn, function(e)
    return fault.caught(e) or debug.traceback(tostring(e))
  end, ...)
end

-- The exit code is 0 only where all results have come out.
local function told(ui, exit)
  local lost = ui:take_lost()
  if not lost then return exit end
  ui:err("neap: not all results are written: " .. lost)
  return exit == 0 and 1 or exit
end

--- Runs `fn(ui)`, which returns an exit code, with faults said well.
function command.plain(opts, fn)
  local ui = command.ui(opts)
  local ok, result = guarded(fn, ui)
  ui:done()
  return told(ui, ok and (result or 0) or command.complain(ui, result))
end

--- The same over hosts: `fn(session, ui)` runs as a task in the loop.
function command.over_hosts(opts, fn)
  return command.plain(opts, function(ui)
    local self = session.open(opts, ui)
    local fine, result
    local ok, problem = loop.run(function()
      fine, result = guarded(fn, self, ui)
      session.close(self)
    end)
    if not ok then error(problem, 0) end
    if not fine then error(result, 0) end
    return result
  end)
end

--- What ad hoc verbs share: the first argument narrows the hosts, all are
-- connected, `fn(session, ui)` asks and prints, and the end is told.
function command.ad_hoc(opts, fn)
  if opts.args[1] then opts.limit = { opts.args[1], table.unpack(opts.limit or {}) } end
  return command.over_hosts(opts, function(self, ui)
    session.connect(self)
    fn(self, ui)
    session.problems(self)
    local exit = session.exit_code(self, 0)
    session.summary(self, exit, 0)
    return exit
  end)
end

return command
