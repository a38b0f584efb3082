--- What somebody else has changed on a host since Neap looked at it last, where
-- a way back would write over it.
--
--     recorded ≠ observed    in an attribute, and
--     observed ≠ wanted      in the same one: whose is it to be?
--
-- Of what is not recorded now, what was there before Neap counts instead (see
-- unrecorded.lua).
--
-- Theirs: the attribute stays as it is found. Ours: it is overwritten. Without
-- either nothing is changed on any host.

local brief = require "neap.engine.brief"
local difference = require "neap.engine.difference"
local parts = require "neap.engine.parts"
local plan = require "neap.engine.plan"
local recorded = require "neap.engine.recorded"
local show = require "neap.engine.show"
local tags = require "neap.engine.tags"
local taint = require "neap.core.taint"
local unrecorded = require "neap.engine.unrecorded"
local way_back = require "neap.engine.way_back"

local conflicts = {}

--- Whether a type moves by itself, or has no state that could be somebody's.
function conflicts.is_free(rtype)
  return rtype.live or rtype.barrier or rtype.rollback and rtype.rollback.momentary
end

-- What is gone with what it lay in cannot be looked at as it was: it is asked for as if it were to be absent.
local function look_for_gone(round, resources, seen)
  local again = {}
  for _, resource in ipairs(resources) do
    local is_refused = seen[resource.id].refused and not resource.absent
    again[#again + 1] = is_refused and recorded.as_absent(resource) or nil
  end
  for i, job in ipairs(again[1] and plan.probe(round, again) or {}) do
    local one = seen[again[i].id]
    if not (job.found or job.error or job.unknown) then one.problem, one.refused = nil, nil end
  end
end

-- Each recorded resource as it is now, looked at the way it was recorded:
-- { [id] = { resource, was = attrs|nil, found = attrs|nil, problem = text|nil, refused = see ask.run } }.
local function look(round, now, types, wanted)
  local all, resources = {}, {}
  for i, id in ipairs(now.order) do all[i] = recorded.wanted(now.resources[id], types) end
  recorded.adopt(all)
  for _, resource in ipairs(all) do
    brief.admit_other(now.status, resource)
    if wanted[resource.id] and not conflicts.is_free(resource.rtype) then resources[#resources + 1] = resource end
  end
  local jobs, seen = plan.probe(round, resources), {}
  for i, resource in ipairs(resources) do
    local job = jobs[i]
    seen[resource.id] = {
      was = recorded.known(resource), found = plan.hide(job.found, plan.wanted(resource)),
      problem = job.error or job.unknown, refused = job.refused, resource = resource,
    }
  end
  look_for_gone(round, resources, seen)
  return seen
end

-- Whether another thing stands there than the one that is recorded.
local function is_other(was, found)
  return was and found and (was.occupied or false) ~= (found.occupied or false)
end

-- The names of the attributes that are not as recorded, of another thing also those that the recorded one had not; nil
-- where the whole thing came or went.
local function moved(rtype, was, found)
  if not was or not found then return nil end
  local names = {}
  for name in pairs(is_other(was, found) and difference.overlay(was, found) or was) do
    if not difference.same_state(rtype, found, was, { [name] = true }) then names[name] = true end
  end
  return names
end

--- Whether what was `found` is what `was`: { was = attrs|nil, found = attrs|nil, problem }.
function conflicts.is_untouched(rtype, one)
  if one.problem then return false end
  if not one.was or not one.found then return one.was == one.found end
  return next(moved(rtype, one.was, one.found)) == nil
end

-- Adds to the names in conflict what has moved of a thing that gives way to one of another kind: nothing of it stays,
-- whether the other has such an attribute or not. What is only found of it (names in a directory) is no part of it.
local function add_lost(names, rtype, found, gone)
  for name in pairs(gone or {}) do
    if found.occupied or difference.is_compared(rtype, name) then names[name] = true end
  end
end

-- The conflict of one resource, or nil: { id, resource, kind, names, was, found, wanted, problem, refused, is_new =
-- whether nothing is recorded of it now, whole = whether it is another thing than what is recorded, or than what is
-- wanted }.
local function conflict_of(resource, one)
  if conflicts.is_untouched(resource.rtype, one) then return nil end
  local made = { id = resource.id, resource = resource, was = one.was, found = one.found, problem = one.problem }
  made.refused, made.is_new = one.refused, one.is_new
  made.wanted = plan.wanted(resource)
  if one.problem then return made end
  local change = difference.change(resource.rtype, one.found, made.wanted)
  if not change then return nil end
  made.kind, made.names = change.kind, {}
  local names = moved(resource.rtype, one.was, one.found)
  if change.kind ~= "update" then
    made.names = names or {}
    return made
  end
  local was_other, gives_way = is_other(one.was, one.found), is_other(one.found, made.wanted)
  made.whole = was_other or gives_way
  for name in pairs(change.differs) do
    if was_other or not names or names[name] then made.names[name] = true end
  end
  if gives_way and not was_other then add_lost(made.names, resource.rtype, one.found, names) end
  if was_other then made.names.occupied = true end
  return next(made.names) and made or nil
end

-- What others have put in a thing's place, or nil.
local function stands_instead(conflict)
  local was, found = conflict.was, conflict.found
  return found and found.occupied ~= (was and was.occupied) and found.occupied or nil
end

-- Leaves to the host what was changed there: what was found is what is wanted.
local function yield(conflict)
  local resource, found = conflict.resource, conflict.found
  if conflict.problem or stands_instead(conflict) then return way_back.leave(resource) end
  if conflict.kind == "update" and not conflict.whole then
    for name in pairs(conflict.names) do resource.attrs[name] = found[name] end
    return
  end
  resource.absent = not found
  local said = {}
  for name, value in pairs(found and resource.attrs or {}) do
    if difference.is_option(resource.rtype, name) then said[name] = value end
  end
  if found then resource.attrs = difference.overlay(said, found) end
end

-- Each resource of a way back as it is now, against what is recorded of it; or, where nothing is, against what was
-- there before Neap at the time that is gone back to.
local function look_at(round, asked, now, types)
  local ids, strays = parts.by_id(asked), unrecorded.of(asked, now, types, conflicts.is_free)
  for _, one in ipairs(strays) do
    for _, other in ipairs(one.instead) do ids[other.id] = ids[other.id] or other end
  end
  local seen = look(round, now, types, ids)
  local function is_untouched(id)
    local one = seen[id]
    if not one or conflicts.is_untouched(one.resource.rtype, one) then return true end
    return brief.has_made(now.status, one.resource, one.found)
  end
  return setmetatable(unrecorded.look(round, strays, now, types, is_untouched), { __index = seen })
end

--- The conflicts of one host, noted on what is wanted (`contested`). With --theirs that yields to them, and to what is
-- in its way else (`gives_in`); with --ours there are none.
-- @param round questions to the host
-- @param desired what is wanted, not yet planned
-- @param now what recorded.host says of HEAD
-- @return list of conflicts; `settled` in those that were yielded to
function conflicts.find(round, desired, now, types, opts)
  local list = {}
  if opts.ours then return list end
  local asked = tags.only(desired.list, opts.tags)
  local seen = look_at(round, asked, now, types)
  for _, resource in ipairs(asked) do
    local one = seen[resource.id]
    local conflict = one and conflict_of(resource, one)
    -- A run that did not end has made it, and left its journal.
    if conflict and brief.has_made(now.status, resource, one.found) then conflict = nil end
    resource.contested, resource.gives_in = conflict, opts.theirs
    if conflict then
      list[#list + 1] = conflict
      if opts.theirs and (conflict.refused or not conflict.problem) then
        yield(conflict)
        conflict.settled = true
      end
    end
  end
  return list
end

local function add_attribute(lines, conflict, name)
  local schema = conflict.resource.rtype.attributes[name]
  local was, found = conflict.was and conflict.was[name], conflict.found and conflict.found[name]
  local text, why
  if type(schema) == "table" and schema.blob then
    text, why = show.text_diff(name, was, found)
    if not text then lines[#lines + 1] = { text = "    " .. name .. ": " .. why } end
  else
    lines[#lines + 1] = { text = string.format("    %s: %s → %s", name, show.value(was), show.value(found)) }
  end
  local body
  for line in (text or ""):gmatch("[^\n]+") do
    body = body or line:find("^@@") ~= nil
    if body then lines[#lines + 1] = { text = "    " .. line } end
  end
end

local WHAT = {
  settled = "stays as it is on the host",
  open = "was changed on the host since it was recorded",
  new = "was made or changed on the host while it was not recorded",
}

local function headline(conflict)
  local what, instead = conflict.settled and WHAT.settled or WHAT.open, stands_instead(conflict)
  if conflict.is_new and not conflict.settled then what = WHAT.new end
  if conflict.problem and conflict.settled then
    what = what .. ": " .. way_back.words(conflict.problem):gsub(": take it away$", "")
  elseif conflict.problem then
    what = "cannot be compared with its record: " .. way_back.words(conflict.problem)
  elseif instead and not conflict.blocks then
    what = ("%s: what is in its place is a %s"):format(what, instead)
  elseif not conflict.found then
    what = conflict.settled and "stays absent" or "was taken away on the host since it was recorded"
  elseif not conflict.was then
    what = (conflict.settled or conflict.is_new) and what or "was made on the host since its absence was recorded"
  end
  if conflict.blocks and not conflict.problem then what = what .. ": " .. conflict.blocks end
  return string.format("%s %s: %s", conflict.resource.type, conflict.resource.key, what)
end

--- What can be done about one that is not settled.
function conflicts.remedy(conflict)
  if conflict.problem or conflict.blocks then return "mend that on the host, or --theirs leaves it as it is" end
  return "--theirs keeps what is there, --ours overwrites it"
end

--- A conflict as lines { text }: the first says what, the others show what was
-- changed, from the record, or what was before Neap, to what is there now.
function conflicts.lines(conflict)
  local lines = { { text = headline(conflict) } }
  local names = {}
  for name in pairs(conflict.names or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(conflict.found and conflict.was and names or {}) do add_attribute(lines, conflict, name) end
  return lines
end

local function shown(state)
  if not state then return nil end
  local out = {}
  for name, value in pairs(state) do out[name] = taint.is(value) and tostring(value) or value end
  return out
end

--- The same for programs.
function conflicts.event(host, conflict)
  local names = {}
  for name in pairs(conflict.names or {}) do names[#names + 1] = name end
  table.sort(names)
  return {
    event = "conflict", host = host, id = conflict.id, attributes = #names > 0 and names or nil,
    settled = conflict.settled and "theirs" or nil, recorded = not conflict.is_new and shown(conflict.was) or nil,
    genesis = conflict.is_new and shown(conflict.was) or nil, found = shown(conflict.found),
    wanted = shown(conflict.wanted), problem = conflict.problem,
  }
end

return conflicts
