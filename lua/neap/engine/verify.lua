--- What a host is after its changes, and what it says of what is not as wanted.
local ask = require "neap.engine.ask"
local bystanders = require "neap.engine.bystanders"
local difference = require "neap.engine.difference"
local fault = require "neap.engine.fault"
local plan = require "neap.engine.plan"
local same = require "neap.engine.same"
local session = require "neap.engine.session"
local step = require "neap.engine.step"

local verify = {}

local EVIDENCE_TIMEOUT_MS = 10 * 1000

local function not_covered(resources)
  local list = {}
  for _, resource in ipairs(resources) do list[#list + 1] = not resource.covered and resource or nil end
  return list
end

--- Looks at all resources of a host again, after the changes, but for those that are another's business by then
-- (see covered.lua).
-- @return observed { [id] = attrs|false }, left { { id, change } … } that are
--   not as wanted, but for what lies beneath another (see layers.lua)
function verify.look(host, resources)
  local round = ask.new(host.conn, host.facts)
  resources = not_covered(resources)
  local jobs = plan.probe(round, resources, nil, same.question(resources))
  same.find(resources, round.answers.real or {})
  local observed, left = {}, {}
  for i, resource in ipairs(resources) do
    local job = jobs[i]
    local problem, change = job.error or job.unknown, nil
    if not problem then
      local found = plan.hide(job.found, plan.wanted(resource))
      observed[resource.id] = found or false
      change = difference.change(resource.rtype, found, plan.wanted(resource))
    end
    if (problem or change) and not resource.beneath then
      left[#left + 1] = { id = resource.id, resource = resource, change = change, message = problem }
    end
  end
  return observed, left
end

-- What the host says of a resource that is not as wanted, where its type can ask; "" where it cannot.
local function evidence(host, one)
  local rtype = one.resource.rtype
  local script = one.change and rtype.evidence and rtype.evidence(one.resource.key, one.change)
  local reply = script and host.conn:request { script = script, timeout_ms = EVIDENCE_TIMEOUT_MS }
  local said = reply and step.last_lines(reply.out .. reply.err, 12) or ""
  return said ~= "" and ":\n" .. said or ""
end

local function not_as_wanted(host, left)
  local first = left[1]
  local names = {}
  for name in pairs(first.change and first.change.differs or {}) do names[#names + 1] = name end
  table.sort(names)
  local what = first.message or (#names > 0 and "still differs in " .. table.concat(names, ", ")) or
      ("still to " .. first.change.kind)
  return fault.new("failed", first.resource.where, "%s: %s after it was applied%s%s", first.id, what,
    #left > 1 and string.format(" (and %d more)", #left - 1) or "", evidence(host, first))
end

-- Compares what the plan predicted with what is there now.
local function count_accuracy(host)
  local right, wrong = 0, {}
  for _, change in ipairs(host.plan.changes) do
    local seen = host.observed[change.id]
    local predicted = plan.wanted(change.resource) and change.to or nil
    local done = host.done_ids[change.id]
    local ended = done and not done.broken and not done.put_back
    local is_judged = not (change.resource.covered or change.resource.beneath)
    if change.kind ~= "unknown" and ended and is_judged then
      local found = seen or nil
      if difference.same_state(change.resource.rtype, found, predicted, plan.wanted(change.resource) or {}) then
        right = right + 1
      else
        wrong[#wrong + 1] = change.id
      end
    end
  end
  host.accuracy = { right = right, wrong = wrong }
end

-- Whether what takes the place of something that is dropped is as wanted. It may itself give way to another.
local function took_place(dropped, done, id)
  local other = dropped[id]
  if not other then return done[id] or false end
  return not other.with or done[other.with] or false
end

--- What was on its way back to what it was before Neap, and is there, is
-- Neap's no longer: its records go; and so do those of what had its place.
function verify.let_go(host, left)
  local still, done, dropped = {}, {}, {}
  for _, one in ipairs(left) do still[one.id] = true end
  for _, resource in ipairs(host.plan.desired.list) do
    local is_there = host.observed[resource.id] ~= nil and not still[resource.id]
    if resource.covered then is_there = not host.result.failure end
    if resource.leaves then resource.left = is_there and not resource.kept_for end
    done[resource.id] = is_there
  end
  for _, resource in ipairs(host.plan.desired.dropped or {}) do dropped[resource.id] = resource end
  for _, resource in pairs(dropped) do
    if resource.with then resource.left = took_place(dropped, done, resource.with) end
  end
end

-- The set of ids of what was seen and is as wanted.
local function settled_of(observed, left)
  local settled = {}
  for id in pairs(observed) do settled[id] = true end
  for _, one in ipairs(left) do settled[one.id] = nil end
  return settled
end

--- Looks at a host after its changes: what it is (host.observed), what of it is as wanted (host.settled), and whether
-- that is what was predicted (host.accuracy). One that is not as wanted has failed.
function verify.host(host)
  local left
  host.observed, left = verify.look(host, host.plan.desired.list)
  host.settled = settled_of(host.observed, left)
  host.besides = bystanders.look(host)
  count_accuracy(host)
  verify.let_go(host, left)
  if #left > 0 and not host.result.failure and host.status == "ok" then
    session.drop(host, not_as_wanted(host, left))
  end
end

return verify
