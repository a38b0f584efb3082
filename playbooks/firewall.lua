-- The packet filter: what the stack needs is open, and nothing else. Made under the lock-out guard like any change of
-- /etc/nftables.conf: if Neap cannot log in anew the host goes back.
local stack = include "stack.lua"

-- Addresses as nftables wants them, by their family; names would be looked up when the rules are loaded, at boot.
local function by_family(addresses)
  local families = { v4 = {}, v6 = {} }
  for _, address in ipairs(addresses) do
    local v4 = address:find("^%d+%.%d+%.%d+%.%d+$") or address:find("^%d+%.%d+%.%d+%.%d+/%d+$")
    if not v4 and not address:find(":") then
      error(("the firewall needs addresses, and '%s' is a name: set private_address"):format(address))
    end
    table.insert(v4 and families.v4 or families.v6, address)
  end
  return families
end

local function both(one, other)
  local list, seen = {}, {}
  for _, addresses in ipairs { one, other } do
    for _, address in ipairs(addresses) do
      if not seen[address] then list[#list + 1] = address end
      seen[address] = true
    end
  end
  return list
end

-- What is open on this host: ports, and from where (false: anywhere).
local function openings(host, site)
  local web, db, lb = stack.addresses "web", stack.addresses "db", stack.addresses "lb"
  local open, rules = {}, site.firewall
  local function add(why, port, from)
    open[#open + 1] = { why = why, port = port, from = from and #from > 0 and by_family(from) or false }
  end
  add("ssh", rules.ssh_port, rules.ssh_from)
  if host:in_group "lb" then
    add("the site", site.haproxy.port)
    add("statistics", site.haproxy.stats_port, rules.stats_from)
  end
  if host:in_group "web" then add("nginx, for the balancers", site.nginx.port, lb) end
  if host:in_group "db" then add("the database, for the application and replicas", site.db.port, both(web, db)) end
  return open, by_family(both(both(web, db), lb)), host:in_group "lb" and by_family(lb) or false
end

return function(host, site)
  if not site.firewall.enabled then return end
  local open, own, balancers = openings(host, site)
  local config = template "/etc/nftables.conf" {
    source = "nftables/nftables.conf", mode = "0755", validate = "nft -c -f %s", after = package "nftables",
    vars = { open = open, own = own, balancers = balancers, extra = site.firewall.extra },
  }
  service "nftables" { running = true, enabled = true, reload_on = config }
end
