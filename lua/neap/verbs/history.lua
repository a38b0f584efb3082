--- neap history [HOST [RESOURCE]]: runs, one line each; of a host, who last changed each of its resources; of a
-- resource, all its changes.
local blame = require "neap.engine.blame"
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local log = require "neap.engine.log"
local moment = require "neap.engine.moment"
local near = require "neap.near"
local show = require "neap.engine.show"

local DEFAULT_MAX = 50

local function short(ui, commit) return ui:paint("yellow", commit.id:sub(1, 12)) end

-- How a run ended, as its message says: run.json tells the same and more, and is long where there are many hosts.
local function outcome(message)
  local bad = {}
  for name, status in message:gmatch("\n([^%s:]+): ([%a-]+)[,:] ") do
    if status ~= "ok" then bad[#bad + 1] = name .. " " .. status end
  end
  return #bad > 0 and table.concat(bad, ", ") or "ok", #bad == 0
end

local function event_of_run(st, commit, subject, how)
  local run = log.run_of(st, commit.id)
  return {
    event = "commit", id = commit.id, time = commit.time, author = commit.author, subject = subject, outcome = how,
    verb = run.verb, playbook = run.playbook, hosts = run.hosts,
  }
end

-- Every run.
local function show_runs(ui, st, rev, max)
  local count = 0
  for commit in log.commits(st, rev) do
    if count == max then return count end
    count = count + 1
    local how, fine = outcome(commit.message)
    local subject = commit.message:match("^[^\n]*")
    ui:line(string.format("%s  %s  %s  %s  %s", short(ui, commit), moment.text(commit.time), ui:clean(commit.author),
      ui:clean(subject), ui:paint(fine and "green" or "red", how)))
    if ui.json then ui:event(event_of_run(st, commit, subject, how)) end
  end
  return count
end

local function pad(text, width) return text .. (" "):rep(width - (utf8.len(text) or #text)) end

-- The last change of each resource that is recorded, newest first.
local function last_changes(st, rev, host, max)
  local left, rows = blame.recorded(st, rev, host), {}
  local entries = {}
  for id, entry in pairs(left) do entries[id] = entry end
  for commit, list in blame.walk(st, rev, host) do
    table.sort(list, function(a, b) return a.id < b.id end)
    for _, one in ipairs(list) do
      if left[one.id] and #rows < max then
        left[one.id] = nil
        rows[#rows + 1] = { commit = commit, id = one.id, action = one.action, where = entries[one.id].where }
      end
    end
    if next(left) == nil or #rows == max then break end
  end
  return rows
end

local function event_of(host, commit, id, action, where, line)
  return {
    event = "blame", host = host, id = id, commit = commit.id, time = commit.time, author = commit.author,
    action = action, where = where, line = line,
  }
end

local function show_host(ui, st, rev, host, max)
  local rows = last_changes(st, rev, host, max)
  local widths = { author = 0, id = 0, action = 0 }
  for _, row in ipairs(rows) do
    row.author = row.commit.author
    for name, width in pairs(widths) do widths[name] = math.max(width, utf8.len(row[name]) or #row[name]) end
  end
  for _, row in ipairs(rows) do
    ui:line(string.format("%s  %s  %s  %s  %s  %s", short(ui, row.commit), moment.text(row.commit.time),
      ui:clean(pad(row.author, widths.author)), ui:clean(pad(row.action, widths.action)),
      ui:clean(pad(row.id, widths.id)), ui:paint("dim", row.where or "")))
    ui:event(event_of(host, row.commit, row.id, row.action, row.where))
  end
  return #rows
end

local function print_change(ui, change)
  for i, line in ipairs(show.change(change)) do
    local wanted = ui.verbose > 0 and not line.brief or ui.verbose == 0 and not line.minor
    if i > 1 and wanted then ui:line(line.color and ui:paint(line.color, line.text) or ui:clean(line.text)) end
  end
end

-- All changes of one resource, with the line of the playbook that made it.
local function show_resource(ui, st, rev, host, id, max)
  local count = 0
  for commit, list in blame.walk(st, rev, host) do
    for _, one in ipairs(list) do
      if one.id == id and count < max then
        count = count + 1
        local where = one.change and one.change.resource.where or blame.where(st, commit.id, host, id)
        local line = blame.line(st, commit.id, where)
        ui:line(string.format("%s  %s  %s  %s  %s%s", short(ui, commit), moment.text(commit.time),
          ui:clean(commit.author), ui:clean(one.action), ui:paint("dim", where or ""),
          line and ui:clean(": " .. line) or ""))
        if one.change then print_change(ui, one.change) end
        ui:event(event_of(host, commit, id, one.action, where, line))
        if one.change then show.events(host, { one.change }, ui) end
      end
    end
    if count == max then break end
  end
  return count
end

local function check_host(st, rev, host)
  local names = {}
  for _, entry in ipairs(st:list(rev, "hosts")) do names[entry.name] = true end
  if names[host] then return end
  fault.raise("usage", nil, "nothing is recorded of a host '%s'%s", host, near.hint(host, names))
end

-- The resource that is meant: TYPE:KEY, or a key that only one has.
local function id_of(st, rev, host, text)
  if text:match("^[%w_]+:.") then return text end
  local ids = {}
  for id, entry in pairs(blame.recorded(st, rev, host)) do
    if entry.key == text then ids[#ids + 1] = id end
  end
  table.sort(ids)
  if #ids == 1 then return ids[1] end
  fault.raise("usage", nil, ids[1] and "'%s' is the key of %s: write one of them" or
    "'%s' is the key of no resource of '%s': write TYPE:KEY for one that was there, as in file:/etc/hosts", text,
    ids[1] and table.concat(ids, " and ") or host)
end

local function show_what(ui, st, rev, args, max)
  if not args[1] then return show_runs(ui, st, rev, max) end
  check_host(st, rev, args[1])
  if not args[2] then return show_host(ui, st, rev, args[1], max) end
  return show_resource(ui, st, rev, args[1], id_of(st, rev, args[1], args[2]), max)
end

return function(opts)
  return command.plain(opts, function(ui)
    local st = log.open(opts)
    local rev = opts.before and log.before(st, opts.before) or st:head()
    local max = opts.max or (opts.args[1] and math.maxinteger or DEFAULT_MAX)
    local count = show_what(ui, st, rev, opts.args, max)
    if count == 0 then
      ui:line("nothing is recorded" .. (opts.args[1] and " of " .. ui:clean(opts.args[2] or opts.args[1]) or ""))
    end
    log.summary(ui, 0, rev)
    st:close()
    return 0
  end)
end
