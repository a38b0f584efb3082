--- neap show [REV]: what a run has changed, with diffs.
local between = require "neap.engine.between"
local command = require "neap.engine.command"
local log = require "neap.engine.log"
local moment = require "neap.engine.moment"

return function(opts)
  return command.plain(opts, function(ui)
    local st = log.open(opts)
    local id = log.resolve(st, opts.args[1] or "HEAD")
    local commit = log.commits(st, id)()
    ui:line(ui:paint("yellow", "commit " .. commit.id))
    ui:line(string.format("%s  %s\n", moment.text(commit.time), ui:clean(commit.author)))
    for line in commit.message:gmatch("[^\n]+") do ui:line("    " .. ui:clean(line)) end
    ui:line("")
    ui:event { event = "commit", id = commit.id, time = commit.time, author = commit.author, message = commit.message }
    local parent = commit.parents[1]
    local total = between.print(between.plans(st, parent, id, log.host_filter(opts, st, parent, id)), ui)
    log.summary(ui, total, id)
    st:close()
    return 0
  end)
end
