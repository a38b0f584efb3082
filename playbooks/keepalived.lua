-- keepalived: the virtual address is on the balancer that is well.
local stack = include "stack.lua"

-- The interface that has the host's address.
local function interface_of(host, site)
  if site.keepalived.interface ~= "" then return site.keepalived.interface end
  for _, name in ipairs(keys(host.facts.interfaces)) do
    for _, address in ipairs(host.facts.interfaces[name]) do
      if address == stack.address(host) then return name end
    end
  end
  error(("no interface of '%s' has the address %s: set keepalived.interface"):format(host.name, stack.address(host)))
end

local CONFIG = "/etc/keepalived/keepalived.conf"

-- Some versions, when all is well, end their own look at a configuration with a signal to their process group.
local VALIDATE = ([[
out=$(setsid -w keepalived -t -f %s 2>&1); rc=$?
if [ $rc != 0 ] && { [ $rc != 143 ] || [ -n "$out" ]; }; then printf '%%s\n' "$out" >&2; exit 1; fi
]]):format(CONFIG)

return function(host, site)
  local addresses = stack.virtual_addresses(host, site)
  if #addresses == 0 then return end

  package "keepalived"
  local checker = user(site.keepalived.script_user) { system = true, home = "/nonexistent" }
  local check = template "/etc/keepalived/check-haproxy" {
    source = "keepalived/check-haproxy", mode = "0755", vars = { haproxy = site.haproxy },
  }
  local peers = filter(hosts "lb", function(h) return h.name ~= host.name end)
  local config = template(CONFIG) {
    source = "keepalived/keepalived.conf", mode = "0640",
    vars = {
      keepalived = site.keepalived, addresses = addresses, check = check.key, interface = interface_of(host, site),
      address = stack.address(host), peers = map(peers, stack.address),
    },
  }
  service "keepalived" {
    running = true, enabled = true, after = { checker, check }, reload_on = config, validate = VALIDATE,
  }
end
