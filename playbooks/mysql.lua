-- The database: one primary, the others replicate from it by GTID and refuse writes.
local stack = include "stack.lua"

-- A replica that joins late takes a copy of the primary first: hence more than REPLICATION SLAVE.
local FLAVOURS = {
  mariadb = {
    unit = "mariadb", config = "/etc/mysql/mariadb.conf.d/99-stack.cnf", template = "mysql/mariadb.cnf",
    replication_grants = "REPLICATION SLAVE, SELECT, RELOAD, SHOW VIEW, EVENT, TRIGGER, BINLOG MONITOR",
  },
  mysql = {
    unit = "mysql", config = "/etc/mysql/mysql.conf.d/zz-stack.cnf", template = "mysql/mysql.cnf",
    replication_grants = "REPLICATION SLAVE, BACKUP_ADMIN",
  },
}

local function semi_sync(site, name)
  local wanted = site.db.semi_sync
  if wanted == "auto" then return name == "mysql" and #hosts "db" > 1 end
  return wanted == true or wanted == "on"
end

local function replication_account(site) return site.db.replication_user .. "@" .. site.db.clients end

-- Accounts and the table: on the primary, from which the others have them.
local function contents(site, server, flavour)
  local db = site.db
  mysql_user(replication_account(site)) {
    password = secret "replication_password", grants = { ["*.*"] = flavour.replication_grants }, after = server,
  }
  local database = mysql_database(db.name) { after = server }
  mysql_user(db.app_user .. "@" .. db.clients) {
    password = secret "app_db_password", grants = { [db.name .. ".*"] = "SELECT, INSERT, UPDATE, DELETE" },
    after = database,
  }
  command "table items" {
    run = ("mysql %s <<'END'\n%sEND\n"):format(db.name, read_file "templates/app/schema.sql"),
    unless = ("mysql %s -e 'DESCRIBE items'"):format(db.name),
    undo = ("mysql %s -e 'DROP TABLE items'"):format(db.name),
    after = database,
  }
end

return function(host, site)
  local name, server_package = stack.flavour(host, site)
  local flavour, role = FLAVOURS[name], stack.role(host)
  package(server_package)
  local config = template(flavour.config) {
    source = flavour.template,
    vars = {
      db = site.db, role = role, bind = stack.address(host), address = stack.address(host),
      server_id = stack.server_id(host), semi_sync = semi_sync(site, name),
    },
  }
  local server = service(flavour.unit) { running = true, enabled = true, restart_on = config }
  if role == "primary" then return contents(site, server, flavour) end
  mysql_replica "primary" {
    source = stack.address(stack.primary()), port = site.db.port, user = site.db.replication_user,
    password = secret "replication_password", after = server,
    -- until all is there: a copy that is taken while accounts are made would have them twice
    wait = { [stack.primary().name] = "command:table items" },
  }
end
