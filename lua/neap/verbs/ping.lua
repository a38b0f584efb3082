--- neap ping: whether hosts can be reached and managed.
local command = require "neap.engine.command"

return function(opts)
  return command.ad_hoc(opts, function(self, ui)
    for _, host in ipairs(self.hosts) do
      if host.status == "ok" then
        ui:line(string.format("%s  %s  uid %s  %s", ui:paint("green", host.name), ui:clean(host.facts.hostname or "?"),
          ui:clean(host.facts.uid or "?"), ui:clean(host.facts.os_name or host.facts.system or "?")))
        ui:event { event = "ping", host = host.name, uid = host.facts.uid, os = host.facts.os_name }
      end
    end
  end)
end
