--- neap apply: plans, shows, asks, changes, looks again, records.
local json = require "neap.core.json"
local sys = require "neap.core.sys"
local command = require "neap.engine.command"
local recording = require "neap.engine.commit"
local converge = require "neap.engine.converge"
local fault = require "neap.engine.fault"
local plan_verb = require "neap.verbs.plan"
local project = require "neap.engine.project"
local session = require "neap.engine.session"

local function agreed(opts, total)
  if opts.yes or total == 0 then return true end
  local answer = sys.prompt(string.format("apply %d changes? [y/N] ", total))
  if answer == nil then
    fault.raise("usage", nil, "there is no terminal to ask on; say -y to apply without asking")
  end
  return answer:lower() == "y" or answer:lower() == "yes"
end

local function report(self, total, commit)
  local ui, right, wrong, changes = self.ui, 0, {}, 0
  ui:done()
  for _, host in ipairs(self.hosts) do
    changes = changes + (host.changes or 0)
    for _, surprise in ipairs(host.result and host.result.surprises or {}) do
      ui:err(string.format("%s: %s: %s", host.name, surprise.id, surprise.message))
    end
    if host.accuracy then
      right = right + host.accuracy.right
      for _, id in ipairs(host.accuracy.wrong) do wrong[#wrong + 1] = host.name .. ": " .. id end
    end
  end
  if total > 0 then
    ui:line(string.format("applied: %d of %d changes; %d of %d ended as predicted", changes, total, right,
      right + #wrong))
  end
  for _, id in ipairs(wrong) do ui:err(id .. ": is not what the plan predicted") end
  if commit then ui:line("recorded: " .. commit:sub(1, 12)) end
  ui:event { event = "accuracy", right = right, wrong = json.array(wrong) }
  return changes
end

return function(opts)
  if opts.check then return plan_verb(opts) end
  opts.playbook = opts.args[1]
  return command.over_hosts(opts, function(self, ui)
    self.verb = "apply"
    recording.begin(self)
    converge.plan(self)
    local total = converge.show(self)
    if not agreed(opts, total) then
      ui:line("nothing was changed")
      session.summary(self, 0, 0)
      return 0
    end
    project.check(opts)
    converge.apply(self)
    local commit = recording.run(self)
    local changes = report(self, total, commit)
    session.problems(self)
    local exit = session.exit_code(self, 0)
    session.summary(self, exit, changes, commit)
    return exit
  end)
end
