--- What must not go back alone: a replica whose source stays where it is would
-- be of another time than its source.

local fault = require "neap.engine.fault"

local peers = {}

local function addresses_of(entry)
  local set = { [entry.address] = true, [entry.name] = true }
  local facts = entry.facts or {}
  for _, list in pairs(facts.interfaces or {}) do
    for _, address in ipairs(list) do set[address] = true end
  end
  return set
end

-- Whether a host that goes back along has one of these names or addresses.
local function is_along(self, address)
  for _, host in ipairs(self.hosts) do
    if host.plan and host.status == "ok" and addresses_of(host.entry)[address] then return true end
  end
  return false
end

local function name_of(self, address)
  for _, entry in ipairs(self.inventory.hosts) do
    if addresses_of(entry)[address] or entry.vars and entry.vars.private_address == address then return entry.name end
  end
  return address
end

--- Raises a fault where a change of one host needs another to go along that is
-- not among the hosts of the run.
function peers.check(self)
  for _, host in ipairs(self.hosts) do
    for _, change in ipairs(host.plan and host.plan.changes or {}) do
      local of = change.resource.rtype.rollback and change.resource.rtype.rollback.peers
      for _, address in ipairs(of and of(change) or {}) do
        if not is_along(self, address) then
          fault.raise("stale", host.name, "nothing was changed: %s cannot go back alone, without '%s': take it along",
            change.id, name_of(self, address))
        end
      end
    end
  end
end

return peers
