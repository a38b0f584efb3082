--- neap facts: what hosts say of themselves.
local command = require "neap.engine.command"
local session = require "neap.engine.session"
local show = require "neap.engine.show"

local function print_facts(ui, host)
  local names = {}
  for name in pairs(host.facts) do names[#names + 1] = name end
  table.sort(names)
  ui:line(ui:paint("bold", host.name))
  for _, name in ipairs(names) do
    ui:line(string.format("  %-12s %s", name, ui:clean(show.value(host.facts[name]))))
  end
end

return function(opts)
  if opts.args[1] then opts.limit = { opts.args[1], table.unpack(opts.limit or {}) } end
  return command.over_hosts(opts, function(self, ui)
    session.connect(self)
    for _, host in ipairs(self.hosts) do
      if host.status == "ok" then
        print_facts(ui, host)
        ui:event { event = "facts", host = host.name, facts = host.facts }
      end
    end
    session.problems(self)
    local exit = session.exit_code(self, 0)
    session.summary(self, exit, 0)
    return exit
  end)
end
