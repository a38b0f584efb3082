--- This server as the replica of another, by GTID: MariaDB or MySQL, whichever is installed.
-- The key is a label. A server that is empty and has never replicated is seeded from the source first; for that the
-- account needs, on MariaDB, SELECT, RELOAD, SHOW VIEW, EVENT, TRIGGER and BINLOG MONITOR besides REPLICATION SLAVE,
-- and on MySQL BACKUP_ADMIN and the plugin clone on both sides. The step waits for the source to let it in.
-- @usage mysql_replica "primary" { source = "10.0.0.11", user = "replica", password = secret "replication" }
local join = require "neap.mysql_join"
local mysql = require "neap.mysql"

local mysql_replica = {
  name = "mysql_replica", key = "label", live = true,
  attributes = {
    source = { type = "string", required = true, doc = "Address of the server to replicate from." },
    port = { type = "integer", default = 3306, doc = "Its port." },
    user = { type = "string", required = true, doc = "The account to log in with there." },
    password = { type = "string", option = true, doc = "Its password." },
    running = { type = "boolean", default = true, doc = "Whether both of the replica's threads run." },
    read_only = { type = "boolean", default = true,
      doc = "Whether the server refuses writes; say so in its configuration, too, for the next start." },
    seed = { type = "string", option = true, default = "auto", choices = { "auto", "never" },
      doc = "Whether an empty server gets the source's data first." },
    timeout_s = { type = "integer", option = true, default = 300,
      doc = "How long to wait for the source, and for the replica to run." },
  },
}

function mysql_replica.check(_, attrs)
  if attrs.source and not attrs.source:find("^[%w.:-]+$") then
    error(("'%s' is no address"):format(attrs.source), 0)
  end
  if attrs.port and (attrs.port < 1 or attrs.port > 65535) then error(("%d is no port"):format(attrs.port), 0) end
  return attrs
end

function mysql_replica.depends() return { "service:mariadb", "service:mysql" } end

local VARIABLES = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only')"

local function read_only_of(rows)
  local values = {}
  for _, row in ipairs(rows or {}) do values[row[1]] = row[2] == "ON" end
  if values.super_read_only ~= nil then return values.super_read_only end
  return values.read_only or false
end

function mysql_replica.probe(host)
  host:expect("mysql", VARIABLES)
  local rows = mysql.rows(host:mysql("SHOW REPLICA STATUS"))
  local row = rows and rows[1]
  if not row then return nil end
  local io = row.Slave_IO_Running or row.Replica_IO_Running
  local sql = row.Slave_SQL_Running or row.Replica_SQL_Running
  return {
    source = row.Master_Host or row.Source_Host, port = math.tointeger(tonumber(row.Master_Port or row.Source_Port)),
    user = row.Master_User or row.Source_User, running = io == "Yes" and sql == "Yes",
    read_only = read_only_of(mysql.rows(host:mysql(VARIABLES))),
  }
end

local STOP = "here -e 'STOP REPLICA' || fail \"$(cat \"$W/error\")\"\n"

function mysql_replica.steps(_, change)
  if change.kind == "delete" then
    return { join.small_step("end replication", STOP .. "here -e 'RESET REPLICA ALL'\n") }
  end
  local to, differs = change.to, change.differs
  if change.kind == "create" or differs.source or differs.port or differs.user or differs.running and to.running then
    local steps = { join.step(to) }
    if to.running == false then steps[2] = join.small_step("stop replication", STOP) end
    return steps
  end
  local script = (differs.running and STOP or "")
    .. (differs.read_only and (to.read_only and join.READ_ONLY
      or "here -e 'SET GLOBAL read_only = OFF' || fail \"$(cat \"$W/error\")\"\n") or "")
  return { join.small_step("replication as wanted", script) }
end

local function changes_role(change)
  local differs = change.differs
  return change.kind ~= "update" or differs.source or differs.port or differs.read_only
end

local function look(_, _, change)
  if not changes_role(change) then return nil end
  local from, to = change.from or {}, change.to or {}
  local function role(it) return it.source and "a replica of " .. it.source or "no replica" end
  return { barrier = ("the server becomes %s (it is %s)"):format(role(to), role(from)), data = true }
end

-- Where the role changes, its source of now or then goes back along.
local function peers(change)
  if not changes_role(change) then return nil end
  local list = {}
  for _, it in ipairs { change.from or {}, change.to or {} } do list[#list + 1] = it.source end
  return list
end

mysql_replica.rollback = { look = look, peers = peers }

return mysql_replica
