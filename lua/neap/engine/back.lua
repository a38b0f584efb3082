--- A run taken back: a host goes to what it was before the run, when something has failed.
--
-- An ordinary plan, toward what the run's first look saw of the resources that it has changed, in the way of a rollback
-- to a recorded state: what was new goes, what was changed comes back, and what reads it is restarted.
local apply = require "neap.engine.apply"
local ask = require "neap.engine.ask"
local fault = require "neap.engine.fault"
local plan = require "neap.engine.plan"
local record_of = require "neap.engine.entry"
local rollback = require "neap.engine.rollback"

local back = {}

-- What would be lost is never lost by itself.
local PERMISSIONS = { data_loss = false, barriers = true, remove_homes = false, keep_versions = false, brought = {} }
-- What a type says of a change that is then not made.
local BLOCKED = { barrier = true, archive = true, impossible = true }

local function was_done(host, id)
  local done = host.done_ids[id]
  return done ~= nil and not done.put_back
end

-- Whether a resource was changed, or reads what was.
local function is_concerned(host, resource)
  if resource.rtype.rollback and resource.rtype.rollback.momentary then return false end
  if was_done(host, resource.id) then return true end
  for _, verb in ipairs(resource.rtype.triggers or {}) do
    for _, id in ipairs(resource.meta[verb .. "_on"] or {}) do
      if was_done(host, id) then return true end
    end
  end
  return false
end

-- Its options, as far as they hold of a state: what the run wanted is not what was before it.
local function options_of(resource, state)
  local options = {}
  for name, value in pairs(resource.attrs) do
    local schema = resource.rtype.attributes[name]
    local is_option = type(schema) == "table" and schema.option
    if is_option and record_of.describes(resource.rtype, name, resource.attrs, state) then options[name] = value end
  end
  return options
end

-- A resource as recorded.host() would give it.
local function entry_of(resource, state, before, around)
  return {
    around = around,
    id = resource.id, type = resource.type, key = resource.key, state = state, genesis = before, managed = {},
    managed_names = {}, options = options_of(resource, state), where = resource.where, meta = resource.meta,
  }
end

-- What the run wanted, and what was before it.
local function states_of(host, left_out)
  local now, before, types = { resources = {}, order = {} }, { resources = {}, order = {} }, {}
  local around = host.plan.around or {}
  for _, resource in ipairs(host.plan.desired.list) do
    if is_concerned(host, resource) and not left_out[resource.id] then
      local id, seen = resource.id, host.plan.observed[resource.id] or false
      types[resource.type] = resource.rtype
      now.resources[id] = entry_of(resource, plan.wanted(resource) or false, seen, around[id])
      now.order[#now.order + 1] = id
      if seen then
        before.resources[id] = entry_of(resource, seen, nil)
        before.order[#before.order + 1] = id
      end
    end
  end
  return now, before, { get = function(_, name) return types[name] end }
end

local function plan_back(host, left_out)
  local now, before, types = states_of(host, left_out)
  local desired = rollback.compose({ types = types, permissions = PERMISSIONS }, host.entry, now, before)
  return plan.host(ask.new(host.conn, host.facts), desired)
end

-- The plan of the way back; what cannot be had again is left out of it, and named: plan, sentences, set of ids.
local function plan_of(host)
  local left_out, reasons = {}, {}
  while true do
    local made, again = plan_back(host, left_out), false
    for _, remark in ipairs(made.remarks or {}) do
      local crossed = remark.kind == "barrier" and not remark.data
      if BLOCKED[remark.kind] and not crossed and not left_out[remark.id] then
        left_out[remark.id], again = true, true
        reasons[#reasons + 1] = remark.id .. ": " .. remark.text
      end
    end
    if not again then return made, reasons, left_out end
  end
end

local function mark(host, kept)
  for id, done in pairs(host.done_ids) do
    if not kept[id] then done.put_back = true end
  end
end

--- Takes the changes of this run on one host back.
-- @param host { conn, plan, done_ids, … } after an apply
-- @param hooks of apply.host; guard = function(there) -> guard of the plan that goes back
-- @return number of changes taken back; or nil and why it did not go back
function back.host(host, hooks)
  local made, reasons, left_out = plan_of(host)
  if made.errors[1] then return nil, fault.plain(made.errors[1]) end
  local there = setmetatable({ plan = made }, { __index = host })
  local result = apply.host(there, {
    journal = hooks.journal, progress = function() end, wait = function() end, interrupted = hooks.interrupted,
    guard = hooks.guard(there),
  })
  host.conn, host.evidence = there.conn, there.evidence
  if host.result then host.result.owed = result.owed end
  if result.failure then return nil, fault.plain(result.failure) end
  mark(host, left_out)
  if reasons[1] then return nil, "all but " .. table.concat(reasons, "; ") end
  return #made.changes
end

return back
