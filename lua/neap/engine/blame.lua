--- Who last changed what on a host: each commit's difference, newest first,
-- held against what its message says was done.
--
--     commit ─ message: "  ~ file:/etc/x"      done by the run: updated
--            ─ record of file:/etc/x differs   else: found so, changed by other hands or by the way

local json = require "neap.core.json"
local between = require "neap.engine.between"
local entry_of = require "neap.engine.entry"
local log = require "neap.engine.log"

local blame = {}

local DONE = { ["+"] = "created", ["~"] = "updated", ["-"] = "deleted", ["?"] = "changed" }
local TRIGGERED = { restart = "restarted", reload = "reloaded", run = "ran" }

--- What a commit's message says was done on a host: { [id] = word }.
function blame.actions(message, host)
  local actions, here = {}, false
  for line in message:gmatch("[^\n]+") do
    local sign, id = line:match("^  ([+~%-?]) (.+)$")
    if not sign then
      here = line:match("^(.-): [%a-]+, %d+ changes?") == host
    elseif here then
      local ended = id:match(" %((%a+ ?%a*)%)$")
      local word = DONE[sign]
      if ended == "put back" or ended == "failed" then
        word, id = ended, id:sub(1, -#ended - 4)
      end
      local trigger = id:match(" %((%a+)%)$")
      if TRIGGERED[trigger] then
        if word == "updated" then word = TRIGGERED[trigger] end
        id = id:sub(1, -#trigger - 4)
      end
      actions[id] = word
    end
  end
  return actions
end

-- What one commit did on the host, by id of resource: { id, action, change|nil }.
local function touched(st, commit, host)
  local deltas = {}
  local prefix = "hosts/" .. host .. "/"
  for _, delta in ipairs(st:diff(commit.parents[1], commit.id, "hosts/" .. host)) do
    if delta.path:sub(1, #prefix) == prefix then deltas[delta.path:sub(#prefix + 1)] = delta end
  end
  local plan = between.host(st, commit.parents[1], commit.id, host, deltas)
  local list, seen = {}, {}
  local actions = blame.actions(commit.message, host)
  local function add(change)
    seen[change.id] = true
    list[#list + 1] = { id = change.id, action = actions[change.id] or "found", change = change }
  end
  for _, change in ipairs(plan.changes) do add(change) end
  for _, change in ipairs(plan.found) do add(change) end
  for id, action in pairs(actions) do
    if not seen[id] then list[#list + 1] = { id = id, action = action } end
  end
  return list
end

--- Walks what was done on a host, newest first.
-- @param rev where to begin
-- @return iterator of commit, { { id, action, change } … } (change: see
--   between.host; nil where the record is what it was, as after a restart)
function blame.walk(st, rev, host)
  -- What put back what somebody had changed is no change of the record.
  local next_commit = log.commits(st, rev, "hosts/" .. host, host .. ": ")
  return function()
    local commit = next_commit()
    if commit then return commit, touched(st, commit, host) end
  end
end

--- The resources that are recorded of a host: { [id] = entry }.
function blame.recorded(st, rev, host)
  local entries = {}
  for _, text in pairs(st:tree(rev, "hosts/" .. host .. "/resources")) do
    local entry = json.decode(text)
    if entry_of.is(entry) then entries[entry.type .. ":" .. entry.key] = entry end
  end
  return entries
end

--- The place in the playbook that a recorded resource came from, in that
-- commit; nil where it is not recorded.
function blame.where(st, rev, host, id)
  local rtype, key = id:match("^([^:]+):(.+)$")
  if not rtype then return nil end
  local text = st:read(rev, "hosts/" .. host .. "/" .. entry_of.path(rtype, key))
  local entry = text and json.decode(text)
  return entry_of.is(entry) and entry.where or nil
end

--- The line of the playbook that a resource's `where` names, as it was in
-- that commit; nil where it is not recorded.
function blame.line(st, rev, where)
  local file, number = (where or ""):match("^(.*):(%d+)$")
  local text = file and st:read(rev, "source/" .. file)
  if not text then return nil end
  number = tonumber(number)
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    number = number - 1
    if number == 0 then return (line:gsub("^%s+", "")) end
  end
end

return blame
