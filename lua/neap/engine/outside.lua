--- What watches a change and is no part of the run, since -t leaves it out: its restart is marked on the host as owed,
-- like one that a run has left that died, and it is told that it is due. The next run of all makes it.
local marks = require "neap.engine.marks"
local show = require "neap.engine.show"

local outside = {}

local function ids_of(list)
  local set = {}
  for _, resource in ipairs(list) do set[resource.id] = true end
  return set
end

--- The watchers of resources of a run that are not in it themselves.
-- @param all resources of the host, taken those of them that the run is about
-- @return list of { id, verb, on = id of the watched one }, or nil where there are none
function outside.watchers(all, taken)
  if #all == #taken then return nil end
  local ids, list = ids_of(taken), {}
  for _, resource in ipairs(all) do
    local watched = not (ids[resource.id] or resource.absent) and marks.watched(resource) or {}
    for _, one in ipairs(watched) do
      if ids[one.on] then list[#list + 1] = { id = resource.id, verb = one.verb, on = one.on } end
    end
  end
  return list[1] and list or nil
end

-- What is left due on one host: { [id] = verb }.
-- @param changed set of ids: of what is to be changed, or was
local function due_on(host, changed)
  local due = {}
  for _, one in ipairs(host.plan.desired.outside or {}) do
    local outweighs = not due[one.id] or one.verb == "restart"
    if changed[one.on] and outweighs then due[one.id] = one.verb end
  end
  return due
end

local SENTENCE = "%s: its %s stays due, since -t leaves it out: the next run without -t makes it"

--- Tells which restarts are left due on the hosts of a run.
-- @param changed_of function(host) -> set of ids of what is changed there
function outside.told(self, changed_of)
  local lines = show.lines()
  for _, host in ipairs(self.hosts) do
    local due = host.plan and due_on(host, changed_of(host)) or {}
    local ids = {}
    for id in pairs(due) do ids[#ids + 1] = id end
    table.sort(ids)
    for _, id in ipairs(ids) do
      lines:add(host.name, SENTENCE:format(id, due[id]))
      self.ui:event { event = "due", host = host.name, id = id, verb = due[id] }
    end
  end
  lines:print(self.ui)
end

return outside
