-- What the components of the stack know of each other: who is primary, who balances, in which order to read.
local stack = {}

--- The address where other hosts reach `h`.
function stack.address(h)
  return h.vars.private_address ~= "" and h.vars.private_address or h.address
end

local function addresses(pattern) return map(hosts(pattern), stack.address) end

--- The database host that takes writes.
function stack.primary()
  local all = hosts "db"
  local named = filter(all, function(h) return h.vars.db_role == "primary" end)
  if #named > 1 then error(("the database has %d primaries: %s"):format(#named, join(map(named, tostring), ", "))) end
  return named[1] or all[1]
end

function stack.role(h) return h.name == stack.primary().name and "primary" or "replica" end

--- The replicas in the order in which `h` asks them: itself first, then the ones after it, so that hosts without one
-- do not all ask the same.
function stack.replicas_for(h)
  local web, own = hosts "web", 0
  for i, other in ipairs(web) do
    if other.name == h.name then own = i end
  end
  local others = filter(hosts "db", function(other)
    return stack.role(other) == "replica" and other.name ~= h.name
  end)
  local order = {}
  if h:in_group "db" and stack.role(h) == "replica" then order[1] = stack.address(h) end
  for i = 1, #others do order[#order + 1] = stack.address(others[(own + i - 1) % #others + 1]) end
  return map(order, function(address) return address .. ":" .. h.vars.db.port end)
end

--- A number that stays the host's own when others come and go: 32 bits of FNV-1a over its name.
function stack.server_id(h)
  local hash = 2166136261
  for i = 1, #h.name do hash = ((hash ~ h.name:byte(i)) * 16777619) & 0xffffffff end
  return hash == 0 and 1 or hash
end

--- Which database server the host gets: "mariadb" or "mysql", and its package.
function stack.flavour(h, site)
  local packages = { mysql = "mysql-server", mariadb = "mariadb-server" }
  if site.db.flavour ~= "" then
    return site.db.flavour, packages[site.db.flavour] or
      error(("db.flavour is \"mariadb\" or \"mysql\", not \"%s\""):format(site.db.flavour))
  end
  local offered = h:package_candidate { "mysql-server", "mariadb-server" }
  return offered == "mysql-server" and "mysql" or "mariadb", offered
end

--- The virtual addresses, each with the balancer that is its home, and how much `h` wants it.
function stack.virtual_addresses(h, site)
  local list, balancers = #site.vips > 0 and site.vips or { site.vip }, hosts "lb"
  local own = 0
  for i, other in ipairs(balancers) do
    if other.name == h.name then own = i end
  end
  local made = {}
  for i, address in ipairs(list) do
    if address ~= "" then
      made[#made + 1] = { address = address, priority = 200 - (own - i) % #balancers }
    end
  end
  return made
end

stack.addresses = addresses

return stack
