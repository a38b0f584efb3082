--- neap status: how hosts stand, from the state repository and the journals;
-- with --live from the hosts, too.
local json = require "neap.core.json"
local command = require "neap.engine.command"
local overview = require "neap.engine.overview"
local project = require "neap.engine.project"
local session = require "neap.engine.session"

local function tell(ui, hosts, opts)
  for _, host in ipairs(hosts) do
    for _, line in ipairs(overview.lines(host, ui)) do ui:line(line) end
    ui:event(overview.event(host))
  end
  if not hosts[1] then
    ui:line(("nothing is recorded in '%s'; --state names another place"):format(ui:clean(project.place(opts))))
  end
end

-- The last line of the JSON stream.
local function summary(ui, hosts, exit)
  local standings = {}
  for _, host in ipairs(hosts) do standings[host.name] = { status = host.status.status } end
  ui:event { event = "summary", exit = exit, changes = 0, commit = json.null, hosts = standings }
  return exit
end

local function with_store(opts, fn)
  local st = project.open(opts)
  local ok, result = pcall(fn, st)
  if st then st:close() end
  if not ok then error(result, 0) end
  return result
end

local function live(opts)
  return command.over_hosts(opts, function(self, ui)
    session.connect(self)
    session.each(self, "looking", function(host) host.there = overview.look(host) end)
    ui:done()
    local hosts = with_store(opts, function(st) return overview.hosts(opts, st) end)
    for _, host in ipairs(hosts) do
      local seen = self.by_name[host.name]
      host.there = seen and (seen.there or { problem = tostring(seen.problem) })
    end
    tell(ui, hosts, opts)
    return summary(ui, hosts, session.exit_code(self, 0))
  end)
end

return function(opts)
  if opts.args[1] then opts.limit = { opts.args[1], table.unpack(opts.limit or {}) } end
  if opts.live then return live(opts) end
  return command.plain(opts, function(ui)
    local hosts = with_store(opts, function(st) return overview.hosts(opts, st) end)
    tell(ui, hosts, opts)
    return summary(ui, hosts, 0)
  end)
end
