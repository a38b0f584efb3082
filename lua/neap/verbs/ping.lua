--- neap ping: whether hosts can be reached and managed.
local command = require "neap.engine.command"
local session = require "neap.engine.session"

return function(opts)
  if opts.args[1] then opts.limit = { opts.args[1], table.unpack(opts.limit or {}) } end
  return command.over_hosts(opts, function(self, ui)
    session.connect(self)
    for _, host in ipairs(self.hosts) do
      if host.status == "ok" then
        ui:line(string.format("%s  %s  uid %s  %s", ui:paint("green", host.name), ui:clean(host.facts.hostname or "?"),
          ui:clean(host.facts.uid or "?"), ui:clean(host.facts.os_name or host.facts.system or "?")))
        ui:event { event = "ping", host = host.name, uid = host.facts.uid, os = host.facts.os_name }
      end
    end
    session.problems(self)
    local exit = session.exit_code(self, 0)
    session.summary(self, exit, 0)
    return exit
  end)
end
