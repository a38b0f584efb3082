--- A database of MariaDB or MySQL.
-- What it holds is never dropped: `absent.mysql_database` takes an empty one away and fails on any other.
-- @usage mysql_database "app"
-- @usage mysql_database "app" { charset = "utf8mb4", collation = "utf8mb4_bin" }
local mysql = require "neap.mysql"

local mysql_database = {
  name = "mysql_database", key = "name",
  attributes = {
    charset = { type = "string", doc = "Character set of new tables; the server's when not said." },
    collation = { type = "string", doc = "Collation of new tables; that of the character set when not said." },
  },
}

function mysql_database.check(key, attrs)
  if #key > 64 or key:find("[%z\r\n./\\]") or key:find("^%s*$") then
    error(("'%s' is no name of a database"):format(key), 0)
  end
  for _, name in ipairs { "charset", "collation" } do
    if attrs[name] and not attrs[name]:find("^[%w_]+$") then
      error(("'%s' is no %s"):format(attrs[name], name), 0)
    end
  end
  return attrs
end

function mysql_database.depends() return { "service:mariadb", "service:mysql" } end

function mysql_database.probe(host, key)
  local rows = mysql.rows(host:mysql("SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME "
    .. "AS collation FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = " .. mysql.quote(key)))
  local row = rows and rows[1]
  return row and { charset = row.charset, collation = row.collation } or nil
end

local function options(to)
  return (to.charset and " CHARACTER SET " .. to.charset or "")
    .. (to.collation and " COLLATE " .. to.collation or "")
end

-- An SQL server has no "drop when empty": what is in it is counted in the same breath.
local function drop(key)
  return "SET @left = (SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = " ..
    mysql.quote(key) .. ");\n"
    .. "SET @sql = IF(@left = 0, " .. mysql.quote("DROP DATABASE " .. mysql.name(key)) .. ", "
    .. mysql.quote("SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = "
      .. mysql.quote(("database '%s' holds tables: drop them first"):format(key:sub(1, 40)))) .. ");\n"
    .. "PREPARE neap FROM @sql;\nEXECUTE neap;\n"
end

function mysql_database.steps(key, change)
  if change.kind == "delete" then
    local with_data = change.resource and change.resource.with_data
    local sql = with_data and "DROP DATABASE " .. mysql.name(key) .. ";\n" or drop(key)
    return { mysql.step("drop database " .. key, sql) }
  end
  local verb = change.kind == "create" and "CREATE" or "ALTER"
  local to = change.to
  if change.kind == "update" then -- a collation belongs to its character set
    local differs = change.differs
    to = { charset = differs.charset and to.charset, collation = differs.collation and to.collation }
  end
  local sql = ("%s DATABASE %s%s;\n"):format(verb, mysql.name(key), options(to))
  return { mysql.step(verb:lower() .. " database " .. key, sql) }
end

--- What is in a database is not in any state.
local function look(_, key, change, back)
  if change.kind ~= "delete" then return nil end
  change.resource.with_data = back.data_loss
  return { barrier = ("database '%s' was not there then: it and what it holds are dropped"):format(key), data = true }
end

mysql_database.rollback = { look = look }

return mysql_database
