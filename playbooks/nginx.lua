-- nginx in front of the application server, on every web host.
local stack = include "stack.lua"

return function(host, site)
  package "nginx"
  local vhost = template "/etc/nginx/sites-available/app.conf" {
    source = "nginx/app.conf",
    vars = { app = site.app, nginx = site.nginx, domain = site.domain, balancers = stack.addresses "lb" },
  }
  local enabled = symlink "/etc/nginx/sites-enabled/app.conf" { to = vhost }
  local default = absent.symlink "/etc/nginx/sites-enabled/default"
  service "nginx" { running = true, enabled = true, reload_on = { vhost, enabled, default }, validate = "nginx -t" }
end
