--- Drift: what was recorded, what is there, and what the playbook wants, held
-- against each other attribute by attribute. Nothing is changed.
--
--     recorded   observed   desired
--        a          a          a       nothing
--        a          b          a / -   changed by other hands; an apply puts it back
--        a          b          b       changed by other hands, as the playbook wants it now
--        a          b          c       changed by other hands; the playbook wants a third thing
--        a          a          b       not yet applied
--
-- Where the last run did not end, or one is at work, b may be what that one has
-- made, and nobody else.

local ask = require "neap.engine.ask"
local brief = require "neap.engine.brief"
local difference = require "neap.engine.difference"
local plan = require "neap.engine.plan"
local recorded = require "neap.engine.recorded"
local show = require "neap.engine.show"
local tags = require "neap.engine.tags"

local drift = {}

-- Like a change of a plan, so that it can be shown like one.
local function as_change(resource, kind, from, to, differs)
  return {
    id = resource.id, resource = resource, kind = kind, from = from, to = to, differs = differs or {}, notes = {},
  }
end

-- From what was recorded to what was found; nil where that is the same.
local function moved(resource, found)
  local wanted = plan.wanted(resource)
  plan.hide(found, wanted)
  local back = difference.change(resource.rtype, found, wanted)
  if not back then return nil end
  if back.kind == "create" then return as_change(resource, "delete", wanted, nil) end
  if back.kind == "delete" then return as_change(resource, "create", nil, found) end
  return as_change(resource, "update", wanted, found, back.differs)
end

local function is_blob(rtype, name)
  local schema = rtype.attributes[name]
  return type(schema) == "table" and schema.blob
end

-- Whether the playbook says anything of what others have changed.
local function is_said(change, wanted)
  if change.kind ~= "update" or not wanted then return true end
  for name in pairs(change.differs) do
    if wanted[name] ~= nil then return true end
  end
end

-- Adds what the playbook says of attributes that others have changed.
local function add_wishes(change, found, wanted)
  local rtype = change.resource.rtype
  local away = difference.change(rtype, found, wanted)
  if not away then
    change.notes[1] = is_said(change, wanted) and "the playbook wants it so" or "the playbook leaves it so"
    return
  end
  local step = difference.change(rtype, change.from, wanted)
  if not step then return end -- it wants what was recorded
  if away.kind ~= "update" or step.kind ~= "update" then
    change.notes[1] = wanted and "the playbook wants it otherwise" or "the playbook wants it to be absent"
    return
  end
  local names = {}
  for name in pairs(step.differs) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    if not change.differs[name] then goto continue end
    local wish = is_blob(rtype, name) and "another" or show.value(wanted[name])
    change.notes[#change.notes + 1] = ("the playbook wants %s: %s"):format(name,
      away.differs[name] and wish or "as it is now")
    ::continue::
  end
end

-- What the playbook wants of a resource and was not applied, or nil.
local function pending(wanted, entry)
  if not entry then
    local change = as_change(wanted, "unknown")
    change.unknown = "it is new in the playbook"
    return change
  end
  local step = difference.change(wanted.rtype, entry.state or nil, plan.wanted(wanted))
  return step and as_change(wanted, step.kind, step.from, step.to, step.differs)
end

-- Probes what is recorded. What is in the way of a probe, such as a folder
-- that is gone, is asked again as if it were to be absent.
local function look(round, resources)
  local jobs = plan.probe(round, resources)
  local again, at = {}, {}
  for i, resource in ipairs(resources) do
    if jobs[i].error and not resource.absent then
      again[#again + 1] = recorded.as_absent(resource)
      at[#at + 1] = i
    end
  end
  for i, job in ipairs(again[1] and plan.probe(round, again) or {}) do
    if not job.error and not job.unknown and job.found == nil then jobs[at[i]] = job end
  end
  return jobs
end

-- Where a change belongs: what a run has made that is at work, or that did not end, is nobody else's.
local function list_of(made, resource, found, status)
  if not made.asked then made.asked, made.work = true, made.ask() end
  if made.work and brief.has_made(made.work.made, resource, found) then return made.running end
  return brief.has_made(status, resource, found) and made.unfinished or made.foreign
end

local function compare(made, resource, job, desired, status)
  if job.error or job.unknown then
    local change = as_change(resource, "unknown")
    change.unknown = (job.error or job.unknown):gsub("\n.*", "")
    made.foreign[#made.foreign + 1] = change
    return
  end
  local found = job.found
  local change = moved(resource, found)
  local wanted = desired and desired.by_id[resource.id]
  if change then
    local list = list_of(made, resource, found, status)
    list[#list + 1] = change
    if wanted then add_wishes(change, found, plan.wanted(wanted)) end
  end
  if job.owed then
    local owed = as_change(resource, "update", resource.attrs, resource.attrs)
    owed.trigger, owed.because = job.owed, { "an earlier run" }
    made.pending[#made.pending + 1] = owed
  end
end

local function resources_of(kept, types, said)
  local list = {}
  for i, id in ipairs(kept.order) do
    list[i] = recorded.wanted(kept.resources[id], types)
    brief.admit_other(kept.status, list[i])
  end
  recorded.adopt(list)
  return tags.only(list, said)
end

--- How a host has drifted.
-- @param host { name, conn, facts }
-- @param kept what recorded.host() gave
-- @param types where resource types are found
-- @param desired what evaluate.host() gave, or nil where there is no playbook
-- @param said what -t says: only resources with one of these tags; nil: all
-- @param at_work function() that says which run is at work there (see at_work.lua), or nil; called once something
--   differs, for a step stands in its journal before it is made
-- @return { foreign = { change … }, unfinished = { change … } that a run has
--   made that did not end, running = { change … } that one has made that is at
--   work (`work`: which), pending = { change … }, gone = { id … }
--   that are recorded and no longer in the playbook, count = resources looked
--   at, machine = text where it is another machine }
function drift.host(host, kept, types, desired, said, at_work)
  local made = { foreign = {}, unfinished = {}, running = {}, pending = {}, gone = {} }
  made.ask = at_work or function() end
  local resources = resources_of(kept, types, said)
  local jobs = look(ask.new(host.conn, host.facts), resources)
  for i, resource in ipairs(resources) do
    compare(made, resource, jobs[i], desired, kept.status)
    if desired and not desired.by_id[resource.id] then made.gone[#made.gone + 1] = resource.id end
  end
  for _, wanted in ipairs(desired and tags.only(desired.list, said) or {}) do
    made.pending[#made.pending + 1] = pending(wanted, kept.resources[wanted.id])
  end
  made.count = #resources
  local id = kept.status and kept.status.machine_id
  if id and host.facts.machine_id and id ~= host.facts.machine_id then
    made.machine = "it is another machine than the recorded one: its machine-id differs"
  end
  return made
end

return drift
