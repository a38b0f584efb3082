--- A user of MariaDB or MySQL, and all that it is granted.
-- The key is "name@host", where host is the address that it may come from; "name" alone is "name@%". Grants are
-- compared as sets, whatever their order: what is not wanted is revoked. A password is compared with what the server
-- has stored. It reaches the server over the standard input of its client, and so stands on no command line.
-- @usage mysql_user "app@10.0.0.%" { password = secret "app_db", grants = { ["app.*"] = "SELECT, INSERT, UPDATE" } }
-- @usage mysql_user "backup@localhost" { socket = true, grants = { ["*.*"] = { "SELECT", "RELOAD", "SHOW VIEW" } } }
-- @usage absent.mysql_user "old@%"
local difference = require "neap.engine.difference"
local mysql = require "neap.mysql"
local shape = require "neap.engine.shape"
local taint = require "neap.core.taint"

local mysql_user = {
  name = "mysql_user", key = "name@host",
  attributes = {
    password = { type = "string", doc = "The password; left as it is when not said." },
    socket = { type = "boolean",
      doc = "Whether the system's user of the same name logs in over the socket, without a password." },
    grants = { type = "map", kept = function(value) return shape.fits(value, { "map", { "list", "string" } }) end,
      doc = "Privileges by what they are on: \"db.*\", \"db.table\" or \"*.*\", each a list or a text with commas; "
        .. "\"GRANT OPTION\" among them lets the user pass them on." },
    tls = { type = "boolean", doc = "Whether the user must come over TLS." },
  },
  -- a user who logs in over the socket has none any more
  ends = { password = function(state) return state.socket end },
}

-- What stands for a password that is not the one wanted: servers keep no passwords.
local ANOTHER = "another one"

local function split(key)
  local name, from = key:match("^(.*)@([^@]*)$")
  return name or key, from or "%"
end

local function account(key)
  local name, from = split(key)
  return mysql.quote(name) .. "@" .. mysql.quote(from)
end

function mysql_user.check(key, attrs)
  local name, from = split(key)
  if name == "" or #name > 80 or key:find("[%c]") or from == "" then
    error(("'%s' is no user: say \"name@host\", such as \"app@10.0.0.%%\""):format(key), 0)
  end
  if attrs.socket and attrs.password then error("a user logs in by the socket or with a password, not both", 0) end
  local grants = attrs.grants and {}
  for object, privileges in pairs(attrs.grants or {}) do
    if not object:find("^[^.`]+%.[^`]+$") then
      error(("grants are on \"db.*\", \"db.table\" or \"*.*\", not on '%s'"):format(object), 0)
    end
    if type(privileges) ~= "string" and type(privileges) ~= "table" then
      error(("the grants on '%s' are a text or a list"):format(object), 0)
    end
    for _, word in ipairs(mysql.privileges(privileges)) do
      if not word:find("^[%u_ ]+$") and not word:find("^[%u_ ]+ %([%w_, $]+%)$") then
        error(("'%s' is no privilege"):format(word), 0)
      end
    end
    grants[object] = mysql.privileges(privileges)
  end
  attrs.grants = grants
  return attrs
end

function mysql_user.depends(_, attrs)
  local ids = { "service:mariadb", "service:mysql" }
  for object in pairs(attrs.grants or {}) do ids[#ids + 1] = "mysql_database:" .. object:match("^([^.]*)") end
  return ids
end

-- MySQL spells ALL on *.* out, one privilege after the other.
local function stands_for_all(list)
  local has = {}
  for _, word in ipairs(list) do has[word] = true end
  return has.ALL or #list >= 25 and has.SUPER and has.SHUTDOWN and has["CREATE USER"]
end

local function same_grants(found, wanted)
  local found_, wanted_ = {}, {}
  for object, list in pairs(found or {}) do found_[object] = stands_for_all(list) and { "ALL" } or list end
  for object, list in pairs(wanted) do wanted_[object] = stands_for_all(list) and { "ALL" } or list end
  return difference.same(found_, wanted_)
end
mysql_user.equal = { grants = same_grants }

local SOCKET = { unix_socket = true, auth_socket = true }

function mysql_user.probe(host, key, want)
  local name, from = split(key)
  local show = "SHOW GRANTS FOR " .. account(key)
  host:expect("mysql", show)
  local rows = mysql.rows(host:mysql("SELECT plugin, HEX(authentication_string) AS auth, ssl_type AS tls "
    .. "FROM mysql.user WHERE User = " .. mysql.quote(name) .. " AND Host = " .. mysql.quote(from)),
    { "plugin", "auth", "tls" })
  local row = rows and rows[1]
  if not row then return nil end
  local lines = {}
  for i, grant in ipairs(mysql.rows(host:mysql(show)) or {}) do lines[i] = grant[1] end
  local found = { grants = mysql.read_grants(lines), tls = row.tls ~= "", socket = SOCKET[row.plugin] or false }
  if want and want.password and not found.socket then
    local stored = row.auth:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
    local same = mysql.password_matches(row.plugin, stored, want.password)
    found.password = same and want.password or taint.wrap(ANOTHER, "previous")
  end
  return found
end

-- MariaDB and MySQL name the socket's plugin differently; the server says which of them it is.
local function socket_sql(key, verb)
  local function sql(plugin)
    return mysql.quote(("%s USER %s IDENTIFIED WITH %s"):format(verb, account(key), plugin))
  end
  return "SET @sql = IF(@@version LIKE '%MariaDB%', " .. sql("unix_socket") .. ", " .. sql("auth_socket") .. ");\n"
    .. "PREPARE neap FROM @sql;\nEXECUTE neap;\n"
end

local function user_sql(key, change)
  local to, differs = change.to, change.differs
  local verb = change.kind == "create" and "CREATE" or "ALTER"
  local parts = {}
  if to.socket and (change.kind == "create" or differs.socket) then
    parts[#parts + 1] = socket_sql(key, verb)
  elseif change.kind == "create" or differs.password then
    local by = to.password and " IDENTIFIED BY " .. mysql.quote(to.password) or ""
    parts[#parts + 1] = verb .. " USER " .. account(key) .. by .. ";\n"
  end
  if change.kind == "create" and to.tls or differs.tls then
    parts[#parts + 1] = ("ALTER USER %s REQUIRE %s;\n"):format(account(key), to.tls and "SSL" or "NONE")
  end
  return parts
end

local function grant_words(list)
  local words, option = {}, false
  for _, word in ipairs(list) do
    if word == "GRANT OPTION" then option = true else words[#words + 1] = word end
  end
  return table.concat(words, ", "), option
end

local function sorted(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

local function minus(a, b)
  local has, left = {}, {}
  for _, word in ipairs(b or {}) do has[word] = true end
  for _, word in ipairs(a or {}) do
    if not has[word] then left[#left + 1] = word end
  end
  return left
end

local function revokes(parts, key, had, wanted)
  for _, object in ipairs(sorted(had)) do
    local words, option = grant_words(minus(had[object], wanted[object]))
    local target = " ON " .. mysql.object(object) .. " FROM " .. account(key) .. ";\n"
    if option then parts[#parts + 1] = "REVOKE GRANT OPTION" .. target end
    if words ~= "" then parts[#parts + 1] = "REVOKE " .. words .. target end
  end
end

local function grants(parts, key, had, wanted)
  for _, object in ipairs(sorted(wanted)) do
    local words, option = grant_words(minus(wanted[object], had[object]))
    if words ~= "" or option then
      parts[#parts + 1] = ("GRANT %s ON %s TO %s%s;\n"):format(words ~= "" and words or "USAGE", mysql.object(object),
        account(key), option and " WITH GRANT OPTION" or "")
    end
  end
end

function mysql_user.steps(key, change)
  if change.kind == "delete" then return { mysql.step("drop user " .. key, "DROP USER " .. account(key) .. ";\n") } end
  local parts = user_sql(key, change)
  if change.to.grants and (change.kind == "create" or change.differs.grants) then
    local had = change.from and change.from.grants or {}
    revokes(parts, key, had, change.to.grants)
    grants(parts, key, had, change.to.grants)
  end
  return { mysql.step((change.kind == "create" and "create" or "alter") .. " user " .. key, taint.concat(parts, "")) }
end

-- A password that nobody knows is left as it is.
local function wanted(_, attrs)
  if attrs.password and taint.reveal(attrs.password) == ANOTHER then attrs.password = nil end
  if attrs.socket == false and not attrs.password then attrs.socket = nil end
  return attrs
end

mysql_user.rollback = { wanted = wanted }

return mysql_user
