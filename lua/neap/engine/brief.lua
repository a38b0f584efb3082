--- States in short, as a journal has them; its entries as they are recorded; and whether what is found on a host is
-- what a run that did not end has made, and so nobody else's.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local taint = require "neap.core.taint"
local difference = require "neap.engine.difference"

local brief = {}

-- Longer values are told by their digest.
local VALUE_MAX = 64
local HIDDEN = "(secret)"

local function value_of(value, schema)
  if taint.is(value) then return HIDDEN end
  if type(value) == "string" and (schema.blob or #value > VALUE_MAX) then return "sha256:" .. crypto.sha256(value) end
  if type(value) ~= "table" then return value end
  local ok, text = pcall(json.encode, value)
  if ok and #text <= VALUE_MAX then return value end
  return ok and "sha256:" .. crypto.sha256(text) or HIDDEN
end

--- A state in short: what a file is, is told by its digest; false for absent.
function brief.of(rtype, state)
  if not state then return false end
  local out = {}
  for name, value in pairs(state) do
    local schema = rtype.attributes[name]
    schema = type(schema) == "table" and schema or {}
    if not schema.option then out[name] = value_of(value, schema) end
  end
  return out
end

-- Whether an attribute is only found and makes no difference, such as where a line stood: a change says nothing of it.
local function is_aside(rtype, name)
  local schema = rtype.attributes[name]
  return type(schema) == "table" and schema.readonly and rtype.equal ~= nil and rtype.equal[name] ~= nil
end

-- Whether what could have been wanted and was not is as it was before, of a type whose change is made in one: that
-- leaves the rest alone, but for what replaces another thing.
local function is_else_as_before(entry, rtype, now)
  local before = rtype.atomic and entry.before or {}
  for name, value in pairs(before.occupied and {} or before) do
    local is_left_alone = entry.after[name] == nil and difference.is_compared(rtype, name)
    if is_left_alone and now[name] ~= HIDDEN and not difference.same(now[name], value) then return false end
  end
  return true
end

-- Whether each attribute is as it was to be, or (where the step may have been cut off) as it was before. What is hidden
-- cannot be told: of a database user's password a server says no more than whether it is the one that is asked for.
local function is_on_the_way(entry, rtype, now, cut_off)
  if not now or not entry.after then return not now == not entry.after or cut_off and not now == not entry.before end
  for name, value in pairs(entry.after) do
    local before = cut_off and entry.before and entry.before[name]
    local is_so = difference.same(now[name], value) or before ~= nil and difference.same(now[name], before)
    if not is_so and now[name] ~= HIDDEN and not is_aside(rtype, name) then return false end
  end
  return is_else_as_before(entry, rtype, now)
end

local function add_entry(list, by_text, entry, n, cut_off, seen)
  local made = { id = entry.id, kind = entry.kind, trigger = entry.trigger, before = entry.before, after = entry.after }
  local text = json.encode(made)
  local same = by_text[text]
  if same then
    same.n, same.cut_off, same.seen = n, same.cut_off or cut_off, seen
    return
  end
  made.n, made.cut_off, made.seen = n, cut_off, seen
  list[#list + 1], by_text[text] = made, made
end

--- Whether the last run that has reached a host did not end, also where a rollback has not reached it since.
-- @param was decoded status.json
function brief.is_unfinished(was)
  return was.status == "incomplete" or was.status == "pending-rollback" and was.was == "incomplete"
end

--- Whether a run that did not end may have changed something that nobody has looked at since.
function brief.is_open(status, id)
  for _, entry in ipairs(status and status.journal or {}) do
    if entry.id == id and not entry.seen then return true end
  end
  return false
end

--- What status.json says where some of what it tells of is recorded by another name from now on.
-- @param status decoded status.json, or nil
-- @param names { [id] = id } of those that change, or nil
function brief.renamed(status, names)
  if not status or not status.journal or next(names or {}) == nil then return status end
  local list = {}
  for i, entry in ipairs(status.journal) do
    list[i] = difference.overlay(entry, { id = names[entry.id] or entry.id })
  end
  return difference.overlay(status, { journal = json.array(list) })
end

--- Entries of the journal as they are recorded: first those of runs before this one that did not end either and whose
-- work nobody has looked at since; of each, the last one may have been cut off. One whose resource was as
-- wanted when it was looked at in the end is `seen`: it is recorded so, and what is otherwise later has been made by
-- others. What failed may still be coming to rest then, such as a service that does not start.
-- @param was, now see standing.incomplete
function brief.entries(was, now)
  local list, by_text = {}, {}
  for _, entry in ipairs(brief.is_unfinished(was) and not now.is_seen and was.journal or {}) do
    add_entry(list, by_text, entry, nil, entry.cut_off or entry.n and entry.n == was.step or nil, entry.seen)
  end
  for _, entry in ipairs(now.entries or {}) do
    local seen = entry.id ~= now.at and now.settled and now.settled[entry.id]
    add_entry(list, by_text, entry, entry.n, nil, seen or nil)
  end
  return json.array(list)
end

-- What of a resource a step has changed: "itself"; "name" where a host has one of its type, and another was named;
-- "place" where another type has put a thing of its own in its place; nil for nothing.
local function changed_by(entry, resource)
  if entry.id == resource.id then return "itself" end
  local kind, key = (entry.id or ""):match("^([^:]*):(.*)$")
  if kind == resource.type then return resource.rtype.only and "name" or nil end
  return resource.rtype.attributes.occupied and key == resource.key and "place" or nil
end

local function is_of(entry, what, resource, found, cut_off)
  if what == "place" then
    local occupied = found and found.occupied
    return occupied == entry.id:match("^[^:]*") or not found and cut_off
  end
  local rtype = resource.rtype
  return cut_off and not rtype.atomic or is_on_the_way(entry, rtype, brief.of(rtype, found), cut_off)
end

--- Whether what is found is what a run that did not end has made, or was about
-- to. At the step where it ended that can be anything in between, but for types
-- whose change is made in one (`atomic`).
-- @param status decoded status.json
function brief.has_made(status, resource, found)
  for _, entry in ipairs(status and status.journal or {}) do
    local what = changed_by(entry, resource)
    local cut_off = entry.cut_off or entry.n ~= nil and entry.n == status.step
    if what and not entry.seen and is_of(entry, what, resource, found, cut_off) then return true end
  end
  return false
end

--- Where such a run may have put something of another type in the place of a recorded resource, its probe is to say
-- so, which else would be an error.
function brief.admit_other(status, resource)
  if not resource.rtype.attributes.force then return end
  for _, entry in ipairs(status and status.journal or {}) do
    if changed_by(entry, resource) == "place" then resource.attrs.force = true end
  end
end

return brief
