--- What a run changes without being about it: what is recorded of a host and no longer in the playbook, and attributes
-- that the playbook no longer names. A purge takes a file away that was ours, a file becomes a link, a group loses a
-- member who is not declared any more.
--
--     before the first write    as recorded?  what is not was changed by somebody else, and its record stays
--     after the last            still so?     what is not was changed by this run: recorded as it is now
--
-- So a way back meets no conflict with what Neap did itself. What a run before this one has changed that did not end is
-- this one's to record, even where nothing is left to be changed. It costs two round trips, where there are any such.

local ask = require "neap.engine.ask"
local taint = require "neap.core.taint"
local brief = require "neap.engine.brief"
local conflicts = require "neap.engine.conflicts"
local difference = require "neap.engine.difference"
local labels = require "neap.engine.labels"
local plan = require "neap.engine.plan"
local project = require "neap.engine.project"
local recorded = require "neap.engine.recorded"
local standing = require "neap.engine.standing"

local bystanders = {}

-- Recorded attributes that are compared, and that the resource of this run does not name.
local function unnamed(entry, resource)
  local names = {}
  for name in pairs(not resource.absent and entry.state or {}) do
    if resource.attrs[name] == nil and difference.is_compared(resource.rtype, name) then names[#names + 1] = name end
  end
  return names
end

-- The resources of the run by id; false: its record goes.
local function of_run(desired)
  local by_id = {}
  for _, resource in ipairs(desired.list) do by_id[resource.id] = resource end
  for _, resource in ipairs(desired.dropped or {}) do by_id[resource.id] = false end
  return by_id
end

-- Those of a host, each as it is recorded: { entry, resource, names = of attributes, nil: the whole }.
local function find(now, types, desired)
  local mine, all, list = of_run(desired), {}, {}
  for _, id in ipairs(now.order) do
    local entry = now.resources[id]
    local own, rtype = mine[id], types:get(entry.type)
    if rtype then
      local resource = recorded.wanted(entry, types)
      all[#all + 1] = resource
      local names = own and unnamed(entry, own) or nil
      if own ~= false and not conflicts.is_free(rtype) and not (names and not names[1]) then
        if rtype.attributes.force then resource.attrs.force = true end
        list[#list + 1] = { entry = entry, resource = resource, names = names }
      end
    end
  end
  recorded.adopt(all)
  return list
end

-- What is there of each: { found = attrs|nil, problem }.
local function look(host, list)
  local round, resources, again = ask.new(host.conn, host.facts), {}, {}
  for i, one in ipairs(list) do resources[i] = one.resource end
  local jobs, seen = plan.probe(round, resources), {}
  for i, one in ipairs(list) do
    local job = jobs[i]
    seen[i] = { found = plan.hide(job.found, one.resource.attrs), problem = job.error or job.unknown }
    if seen[i].problem and not one.names then again[#again + 1] = i end
  end
  for i, number in ipairs(again) do resources[i] = recorded.as_absent(list[number].resource) end
  for i, job in ipairs(again[1] and plan.probe(round, table.move(resources, 1, #again, 1, {})) or {}) do
    if not (job.found or job.error or job.unknown) then seen[again[i]] = {} end
  end
  return seen
end

-- Whether there may be any whose record is to change: by this run, or one that did not end.
local function may_change(self, host)
  if host.plan.changes[1] then return true end
  return not host.held and brief.is_unfinished(standing.recorded(self, host))
end

--- Notes on the host who stands by (host.bystanders), before it is changed. On one that is adopted nobody does: what is
-- recorded is another machine's.
function bystanders.note(self, host)
  host.bystanders = nil
  if host.adopted or not self.types or not may_change(self, host) then return end
  local st = project.open(self.opts)
  local head = st and st:head()
  if not head then return end
  local now = recorded.host(st, head, host.name, project.key(self.opts))
  local desired = host.plan.desired
  now = labels.apart(now, labels.of_list(desired.list), self.types, desired.whole)
  local list = find(now, self.types, desired)
  st:close()
  if not list[1] then return end
  local seen, kept = look(host, list), {}
  for i, one in ipairs(list) do
    one.before, one.is_made = seen[i], brief.has_made(now.status, one.resource, seen[i].found)
    if not seen[i].problem and (seen[i].found or not one.names) then kept[#kept + 1] = one end
  end
  host.bystanders = kept
end

local function same(one, a, b, name)
  return difference.same_state(one.resource.rtype, a, b, { [name] = true })
end

-- Attributes of a resource of this run: those that were as recorded.
local function add_attributes(out, one, found)
  local before, was, id = one.before.found, one.entry.state, one.entry.id
  for _, name in ipairs(found and one.names or {}) do
    if same(one, before, was, name) then
      out.more[id] = out.more[id] or {}
      out.more[id][name] = found[name]
    end
  end
end

-- The record of a thing that is not there any more says all that was said of what is to be absent: where a line was. Of
-- one that went with what was in it, a way back looks for that where it was kept.
local function gone(entry, rtype)
  local options = { force = rtype.attributes.restore and true or nil }
  for name, schema in pairs(rtype.attributes) do
    local is_told = type(schema) == "table" and (schema.required or schema.always) and not schema.blob
    local said = is_told and entry.state
    local value = said and entry.state[name] or nil
    if not taint.is(value) then options[name] = options[name] or value end
  end
  for name, value in pairs(entry.options) do options[name] = value end
  return setmetatable({ options = options }, { __index = entry })
end

local function add_whole(out, one, found)
  local rtype, was = one.resource.rtype, recorded.known(one.resource)
  local is_ours = one.is_made or conflicts.is_untouched(rtype, { was = was, found = one.before.found })
  if not is_ours or conflicts.is_untouched(rtype, { was = was, found = found }) then return end
  if not found then one.resource.as_recorded = gone(one.resource.as_recorded, rtype) end
  out.others[#out.others + 1] = one.resource
  out.states[one.entry.id] = found or false
end

--- Looks at them again.
-- @return { others = resources to be recorded, states = { [id] = attrs|false } of these, more = { [id] = attrs } that
--   resources of the run have besides }
function bystanders.look(host)
  local out = { others = {}, states = {}, more = {} }
  local list = host.bystanders or {}
  if not list[1] or not host.conn then return out end
  for i, now in ipairs(look(host, list)) do
    local one = list[i]
    if not now.problem and one.names then
      add_attributes(out, one, now.found)
    elseif not now.problem then
      add_whole(out, one, now.found)
    end
  end
  return out
end

return bystanders
