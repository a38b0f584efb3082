--- What stands in a state repository of a host, made by anybody who may push there: files below hosts/<host>/, each
-- after a line "== PATH". Read as a rollback, a drift, a diff, a status and the next record read it. A text "open:…"
-- stands for one that the project's key has sealed.
local crypto = require "neap.core.crypto"
local between = require "neap.engine.between"
local blame = require "neap.engine.blame"
local json = require "neap.core.json"
local must = require "must"
local overview = require "neap.engine.overview"
local plan = require "neap.engine.plan"
local record = require "neap.engine.record"
local recorded = require "neap.engine.recorded"
local rollback = require "neap.engine.rollback"
local show = require "neap.engine.show"
local standing = require "neap.engine.standing"
local taint = require "neap.core.taint"
local telling = require "telling"
local Types = require "neap.engine.types"

local key = telling.key()
local types = Types.new()
local NOTHING = { resources = {}, order = {}, brought = {} }

local unseal = crypto.unseal
crypto.unseal = function(with, text, context)
  local clear = text:match("^open:(.*)$")
  if clear then return taint.new(clear, "pw") end
  return unseal(with, text, context)
end

local function store(files)
  return {
    tree = function(_, _, dir)
      local below, out = dir:match("^hosts/web1/?(.*)$"), {}
      for path, bytes in pairs(files) do
        if path:sub(1, #below) == below then out[path:sub(#below + (below == "" and 1 or 2))] = bytes end
      end
      return out
    end,
    read = function(_, _, path) return files[path:match("^hosts/web1/(.*)$") or path] end,
  }
end

local function deltas_of(files)
  local deltas = {}
  for path, bytes in pairs(files) do deltas[path] = { path = path, new = bytes, new_id = path, status = "added" } end
  return deltas
end

local function shown(plans)
  local ui = telling.ui()
  show.plans(plans, ui)
  ui.look()
end

local function tell_status(files)
  local status = standing.decode(files["status.json"], "status.json")
  local host, ui = { name = "web1", status = status.status and status or { status = "not recorded" } }, telling.ui()
  for _, line in ipairs(overview.lines(host, ui)) do ui:line(line) end
  ui.look()
  json.encode(overview.event(host))
  standing.incomplete(status, { entries = status.journal })
end

-- The steps that a way to this state would take, and back from it.
local function go(now, target)
  local permissions = rollback.permissions {}
  permissions.brought = now.brought
  local desired = rollback.compose({ types = types, permissions = permissions }, {}, now, target)
  local made = plan.host(telling.round(), desired)
  shown { { name = "web1", changes = made.changes } }
  for _, change in ipairs(made.changes) do
    if change.kind ~= "unknown" and change.resource.rtype.steps then
      change.resource.rtype.steps(change.resource.key, change, { units = {}, facts = {} })
    end
  end
end

local function roll_back(st)
  local now = recorded.host(st, "rev", "web1", key)
  for id, entry in pairs(now.resources) do must(id == entry.type .. ":" .. entry.key, "a record by another name") end
  telling.try(go, now, now)
  telling.try(go, now, NOTHING)
end

local function see_differences(st, files)
  local forth = between.host(st, nil, "b", "web1", deltas_of(files))
  shown { forth }
  for _, entry in pairs(blame.recorded(st, "rev", "web1")) do
    local where = blame.where(st, "rev", "web1", entry.type .. ":" .. entry.key)
    blame.line(st, "rev", where)
  end
end

local function record_next(files)
  local changes = {}
  record.host("web1", files, { resources = {}, observed = {}, before = {}, status = {} }, changes, key)
end

return function(input)
  local files = telling.files(input)
  local st = store(files)
  telling.try(tell_status, files)
  telling.try(roll_back, st)
  telling.try(see_differences, st, files)
  telling.try(record_next, files)
end
