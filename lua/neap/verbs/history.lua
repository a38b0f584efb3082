--- neap history [HOST [RESOURCE]]: recorded states, one line each.
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local log = require "neap.engine.log"
local record = require "neap.engine.record"

local DEFAULT_MAX = 50

-- The path in the repository that the arguments speak of, or nil for all.
local function path_of(args)
  if not args[1] then return nil end
  if not args[2] then return "hosts/" .. args[1] end
  local rtype, key = args[2]:match("^([%w_]+):(.+)$")
  if not rtype then
    fault.raise("usage", nil, "'%s' is not a resource: write TYPE:KEY, as in file:/etc/hosts", args[2])
  end
  return "hosts/" .. args[1] .. "/" .. record.resource_path(rtype, key)
end

local function outcome(run)
  local bad = {}
  for name, host in pairs(run.hosts or {}) do
    if host.status ~= "ok" then bad[#bad + 1] = name .. " " .. host.status end
  end
  table.sort(bad)
  return #bad > 0 and table.concat(bad, ", ") or "ok"
end

return function(opts)
  return command.plain(opts, function(ui)
    local st = log.open(opts)
    local commits = st:log { rev = "HEAD", path = path_of(opts.args), max = opts.max or DEFAULT_MAX }
    for _, commit in ipairs(commits) do
      local how = outcome(log.run_of(st, commit.id))
      local subject = commit.message:match("^[^\n]*")
      ui:line(string.format("%s  %s  %s  %s  %s", ui:paint("yellow", commit.id:sub(1, 12)), log.time(commit.time),
        ui:clean(commit.author), ui:clean(subject), ui:paint(how == "ok" and "green" or "red", how)))
      ui:event {
        event = "commit", id = commit.id, time = commit.time, author = commit.author, subject = subject, outcome = how,
      }
    end
    if #commits == 0 then
      ui:line("nothing is recorded" .. (opts.args[1] and " of " .. ui:clean(opts.args[1]) or ""))
    end
    st:close()
    return 0
  end)
end
