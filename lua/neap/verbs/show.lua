--- neap show [REV | FILE]: what a run has changed, with diffs; or what a saved plan would.
local between = require "neap.engine.between"
local command = require "neap.engine.command"
local log = require "neap.engine.log"
local moment = require "neap.engine.moment"
local planfile = require "neap.engine.planfile"
local saved = require "neap.engine.saved"
local show = require "neap.engine.show"

local function show_saved(ui, opts)
  local told = saved.read(opts.args[1], opts)
  local plans = saved.plans(told)
  ui:line(string.format("plan %s of %s, made %s, good until %s\n", ui:clean(told.id), ui:clean(told.playbook),
    moment.text(told.made), moment.text(told.expires)))
  ui:event { event = "saved", id = told.id, made = told.made, expires = told.expires, playbook = told.playbook }
  show.plans(plans, ui)
  for _, plan in ipairs(plans) do show.events(plan.name, plan.changes, ui) end
  local _, total = show.count(plans)
  log.summary(ui, total)
  return 0
end

return function(opts)
  return command.plain(opts, function(ui)
    if opts.args[1] and planfile.is(opts.args[1]) then return show_saved(ui, opts) end
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
