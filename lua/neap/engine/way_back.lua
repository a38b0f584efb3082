--- What a resource type says of a way back to a recorded state, beyond the
-- difference: what stays, what cannot be had again, what would be lost (see
-- rollback in docs/writing-types.md). Part of planning; `self` is the plan's.

local fault = require "neap.engine.fault"

local way_back = {}

local KINDS = { "barrier", "archive", "impossible", "stays", "note" }

--- Notes what is to be said of a resource, beside its change.
function way_back.remark(self, resource, kind, text, data)
  self.remarks[#self.remarks + 1] = { id = resource.id, kind = kind, text = text, data = data }
end

-- Returns whether the resource is wanted otherwise from now on.
local function heed(self, resource, change, verdict)
  for _, kind in ipairs(KINDS) do
    local said = verdict[kind] and not (kind == "stays" and verdict.barrier)
    if said then way_back.remark(self, resource, kind, verdict[kind], verdict.data) end
  end
  if verdict.instead then
    resource.absent, resource.attrs = false, verdict.instead
    resource.leaves = resource.leaves and not verdict.keeps
  elseif verdict.stays then
    resource.absent, resource.attrs = change.kind == "create", {}
    resource.left, resource.keeps = resource.leaves and not verdict.keeps, resource.leaves and verdict.keeps
  end
  return verdict.instead or verdict.stays
end

-- What a question has run into is an error of the plan; returns whether there is one.
local function has_failed(self, resource, problem)
  if problem then
    self.errors[#self.errors + 1] = fault.new("failed", resource.where, "%s: %s", resource.id, problem)
  end
  return problem ~= nil
end

--- The change of a resource that goes back, after its type was heard.
-- @param again function() -> the change, when other things are wanted
-- @return change, or nil
function way_back.hear(self, resource, change, again)
  local rtype = resource.rtype
  local look = resource.back and rtype.rollback and rtype.rollback.look
  if not look or change.kind == "unknown" then return change end
  local job = { model = self.model }
  job.run = function(host) return look(host, resource.key, change, resource.back, self.model) end
  self.round:run { job }
  if has_failed(self, resource, job.error or job.unknown) then return nil end
  if not job.found or not heed(self, resource, change, job.found) then return change end
  return again()
end

-- Of the resources from one place to another those that are there now and go: their keys, and the first one's place.
local function that_go(resources, jobs, rtype, from, to)
  local keys, first = {}, nil
  for i = from, to do
    local resource = resources[i]
    if resource.rtype == rtype and resource.back and resource.absent and jobs[i].found then
      keys[#keys + 1], first = resource.key, first or i
    end
  end
  return keys, first
end

--- Of a transaction that takes things away, what is needed by things that later ones take away goes with the next of
-- these: what needs a thing may have been recorded before it.
-- @param resources, jobs parallel lists of what is planned; both are changed
-- @param first, last the places of the transaction
-- @return the place where the transaction ends then
function way_back.put_off(self, resources, jobs, first, last)
  local rtype = resources[first].rtype
  local needed = rtype.rollback and rtype.rollback.needed
  local going = needed and that_go(resources, jobs, rtype, first, last)
  if not needed or not going[1] then return last end
  local later, at = that_go(resources, jobs, rtype, last + 1, #resources)
  if not later[1] then return last end
  local job = { model = self.model, run = function(host) return needed(host, going, later, self.model) end }
  self.round:run { job }
  has_failed(self, resources[first], job.error)
  local waits = {}
  for _, key in ipairs(job.found or {}) do waits[key] = true end
  for i = last, first, -1 do
    local resource = resources[i]
    if waits[resource.key] and resource.absent then
      at, last = at - 1, last - 1
      resource.transaction = resources[at + 1].transaction
      table.insert(resources, at, table.remove(resources, i))
      table.insert(jobs, at, table.remove(jobs, i))
    end
  end
  return last
end

--- What a type says of a resource that it cannot look at, without what could be said in a playbook.
function way_back.words(text)
  return (text:match("^[^\n]*"):gsub(", or say .*$", ""):gsub(": declare .*$", ""))
end

--- A resource stays on the host as it is: its record is kept, unless it was on its way to what was before Neap.
function way_back.leave(resource)
  resource.yielded, resource.left, resource.keeps = true, resource.leaves, not resource.leaves
end

--- What a type cannot look at as it is to be, since it is not there any more, or another thing is, cannot be brought
-- back, but where it goes with what it needs (`goes_along`); with --theirs it stays so.
-- @param job see ask.run
-- @return whether it is such; else it is an error of the plan
function way_back.takes(self, resource, job)
  if not resource.back or not job.refused then return false end
  if resource.goes_along then
    resource.left = true
  elseif resource.gives_in then
    way_back.leave(resource)
    way_back.remark(self, resource, "stays", way_back.words(job.error))
  elseif resource.contested then
    resource.contested.blocks = way_back.words(job.error)
  else
    way_back.remark(self, resource, "impossible", way_back.words(job.error))
  end
  return true
end

--- Whether a resource stays as it is: what others have made of it wins; or it has to stay since what it would need is
-- wanted away, and its record is kept until that is not so.
function way_back.is_stuck(self, resource)
  if resource.yielded then return true end
  if not resource.stuck then return false end
  way_back.remark(self, resource, "stays", ("it would need %s, which is to be absent"):format(resource.stuck))
  resource.keeps = true
  return true
end

--- Says of what stays recorded on for whom that is.
function way_back.tell_kept(self, resource)
  local id = resource.kept_for
  if id then way_back.remark(self, resource, "note", ("stays recorded until %s has its old number"):format(id)) end
end

--- What stays on the host as it is is looked at no more: it is Neap's no longer, or `keeps` its record for the time
-- when it can go.
function way_back.part(desired)
  local list
  for i, resource in ipairs(desired.list) do
    local parts = resource.left or resource.keeps
    if parts and not list then list = table.move(desired.list, 1, i - 1, 1, {}) end
    if resource.left then
      desired.dropped = desired.dropped or {}
      table.insert(desired.dropped, resource)
    elseif list and not parts then
      list[#list + 1] = resource
    end
  end
  desired.list = list or desired.list
end

return way_back
