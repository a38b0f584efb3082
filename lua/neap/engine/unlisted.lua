--- Recorded hosts that the inventory no longer has. A run of all hosts does not look at them, and says so where they
-- would be concerned.

local json = require "neap.core.json"

local unlisted = {}

local NAMED = 3

--- Their names, in order.
-- @param head commit id
function unlisted.names(st, head, inventory)
  local names = {}
  for _, entry in ipairs(st:list(head, "hosts")) do
    if not inventory.by_name[entry.name] then names[#names + 1] = entry.name end
  end
  return names
end

local function has_resources(st, rev, name)
  return rev ~= nil and st:list(rev, "hosts/" .. name .. "/resources")[1] ~= nil
end

--- Says which of them do not go back to `target`, where all hosts were to do so. One of which nothing is recorded,
-- neither now nor then, has nothing to go back to.
-- @param target commit id, or nil for what was before Neap
function unlisted.tell(session, st, head, target)
  if session.opts.limit then return end
  local names = {}
  for _, name in ipairs(unlisted.names(st, head, session.inventory)) do
    if has_resources(st, head, name) or has_resources(st, target, name) then names[#names + 1] = name end
  end
  if not names[1] then return end
  local more = #names > NAMED and (" and %d more"):format(#names - NAMED) or ""
  session.ui:err(("recorded, and not looked at, since the inventory does not have them: %s%s"):format(
    table.concat(names, ", ", 1, math.min(#names, NAMED)), more))
  session.ui:event { event = "unlisted", hosts = json.array(names) }
end

return unlisted
