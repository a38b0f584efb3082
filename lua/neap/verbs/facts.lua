--- neap facts: what hosts say of themselves.
local command = require "neap.engine.command"
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
  return command.ad_hoc(opts, function(self, ui)
    for _, host in ipairs(self.hosts) do
      if host.status == "ok" then
        print_facts(ui, host)
        ui:event { event = "facts", host = host.name, facts = host.facts }
      end
    end
  end)
end
