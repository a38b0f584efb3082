-- The application server: gunicorn with the sample application, as releases with a link to the current one.
local stack = include "stack.lua"

local FILES = { "wsgi.py", "database.py", "page.html", "schema.sql" }

return function(host, site)
  local app = site.app
  package { "gunicorn", "python3-pymysql" }
  local account = user(app.user) { system = true, home = app.directory }

  local files = {}
  for _, name in ipairs(FILES) do files[name] = read_file("templates/app/" .. name) end
  local current = release(app.directory) { files = files, keep = app.keep_releases, after = account }

  local config = "/etc/" .. app.name .. "/app.ini"
  directory("/etc/" .. app.name) { mode = "0755" }
  local settings = template(config) {
    source = "service/app.ini", owner = account, group = app.user, mode = "0400",
    vars = {
      app = app, db = site.db, password = secret "app_db_password",
      primary = stack.address(stack.primary()) .. ":" .. site.db.port,
      replicas = stack.replicas_for(host), tls = stack.flavour(host, site) == "mysql" and "yes" or "no",
    },
  }
  local unit = systemd_unit(app.name .. ".service") {
    content = render("service/app.service", { app = app, config = config }),
  }
  service(app.name) { running = true, enabled = true, restart_on = { unit, settings, current } }
end
