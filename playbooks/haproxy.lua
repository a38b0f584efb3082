-- HAProxy: round robin over the web hosts that are well, and a page that shows it.
local stack = include "stack.lua"

return function(host, site)
  package { "haproxy", "socat" } -- socat speaks to the socket by which hosts leave the rotation
  local servers = map(hosts "web", function(h)
    return { name = h.name, address = stack.address(h), port = h.vars.nginx.port }
  end)
  local config = template "/etc/haproxy/haproxy.cfg" {
    source = "haproxy/haproxy.cfg", mode = "0640", group = "haproxy",
    vars = { haproxy = site.haproxy, servers = servers, password = secret "stats_password" },
  }
  service "haproxy" {
    running = true, enabled = true, reload_on = config, validate = "haproxy -c -q -f /etc/haproxy/haproxy.cfg",
  }
end
