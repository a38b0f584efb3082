--- neap show [REV]: what a run has changed, with diffs.
local command = require "neap.engine.command"
local log = require "neap.engine.log"

return function(opts)
  return command.plain(opts, function(ui)
    local st = log.open(opts)
    local id = log.resolve(st, opts.args[1] or "HEAD")
    local commit = st:log({ rev = id, max = 1 })[1]
    ui:line(ui:paint("yellow", "commit " .. commit.id))
    ui:line(string.format("%s  %s\n", log.time(commit.time), ui:clean(commit.author)))
    for line in commit.message:gmatch("[^\n]+") do ui:line("    " .. ui:clean(line)) end
    ui:line("")
    ui:event { event = "commit", id = commit.id, time = commit.time, author = commit.author, message = commit.message }
    log.print_diff(ui, st, commit.parents[1], id, log.host_filter(opts, st, id))
    st:close()
    return 0
  end)
end
