--- A user of MariaDB or MySQL, and all that it is granted.
-- The key is "name@host", where host is the address that it may come from; "name" alone is "name@%". Grants are
-- compared as sets, whatever their order: what is not wanted is revoked. A password is compared with what the server
-- has stored. It reaches the server over the standard input of its client, and so stands on no command line. Of a
-- new user it has to be said how he is let in; with `password = ""` all are who know his name.
-- @usage mysql_user "app@10.0.0.%" { password = secret "app_db", grants = { ["app.*"] = "SELECT, INSERT, UPDATE" } }
-- @usage mysql_user "backup@localhost" { socket = true, grants = { ["*.*"] = { "SELECT", "RELOAD", "SHOW VIEW" } } }
-- @usage absent.mysql_user "old@%"
local difference = require "neap.engine.difference"
local look = require "neap.look"
local mysql = require "neap.mysql"
local shape = require "neap.engine.shape"
local taint = require "neap.core.taint"

local mysql_user = {
  name = "mysql_user", key = "name@host",
  attributes = {
    password = { type = "string",
      doc = "The password; left as it is when not said. A rollback brings back one that Neap never knew, too." },
    socket = { type = "boolean",
      doc = "Whether the system's user of the same name logs in over the socket, without a password." },
    grants = { type = "map", kept = function(value) return shape.fits(value, { "map", { "list", "string" } }) end,
      doc = "Privileges by what they are on: \"db.*\", \"db.table\" or \"*.*\", each a list or a text with commas; "
        .. "\"GRANT OPTION\" among them lets the user pass them on." },
    tls = { type = "boolean", doc = "Whether the user must come over TLS." },
    locked = { type = "boolean", doc = "Whether the server keeps the user out." },
  },
  -- a user who logs in over the socket has none any more
  ends = { password = function(state) return state.socket end },
}

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

-- What the server would make such a user with.
local function created(host, key)
  local line = (mysql.rows(host:mysql("SHOW CREATE USER " .. account(key))) or {})[1]
  return line and line[1] or ""
end

-- The password that it has: the wanted one, or what stands for it; nil where that cannot be said again.
local function password_of(host, key, row, want)
  local auth = row.auth:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
  if want and mysql.password_matches(row.plugin, auth, want) then return want end
  local said = mysql.stored(row.plugin, auth, mysql.is_mariadb(row.version) and created(host, key) or nil)
  if not said or want and mysql.is_stored(want) and said == taint.reveal(want) then return said and want end
  return taint.wrap(said, "previous")
end

function mysql_user.probe(host, key, want)
  local name, from = split(key)
  local show = "SHOW GRANTS FOR " .. account(key)
  host:expect("mysql", show)
  local known = "SELECT plugin, HEX(authentication_string) AS auth, ssl_type AS tls, @@version AS version "
    .. "FROM mysql.user WHERE User = " .. mysql.quote(name) .. " AND Host = " .. mysql.quote(from)
  local rows = mysql.rows(host:mysql(known), { "plugin", "auth", "tls", "version" })
  local row = rows and rows[1]
  if not row then return nil end
  local lines = {}
  for i, grant in ipairs(mysql.rows(host:mysql(show)) or {}) do lines[i] = grant[1] end
  local found = { grants = mysql.read_grants(lines), tls = row.tls ~= "", socket = SOCKET[row.plugin] or false }
  -- one whom the socket is to let in loses his password
  if (not want or want.password or want.socket) and not found.socket then
    found.password = password_of(host, key, row, want and want.password)
  end
  if not want or want.locked ~= nil then
    found.locked = created(host, key):find(" ACCOUNT LOCK", 1, true) ~= nil
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

-- Nobody is let in of whom nobody says how.
local function has_no_way_in(change)
  return change.kind == "create" and not change.to.password and not change.to.socket
end

local function user_sql(key, change)
  local to, differs, is_new = change.to, change.differs, change.kind == "create"
  local verb, parts = is_new and "CREATE" or "ALTER", {}
  local lock, is_locked = differs.locked, false
  if is_new then lock = to.locked end
  if to.socket and (is_new or differs.socket) then
    parts[#parts + 1] = socket_sql(key, verb)
  elseif is_new or differs.password then
    is_locked = is_new and (to.locked or has_no_way_in(change))
    parts = { verb, " USER ", account(key), to.password and mysql.identified(to.password) or "",
      is_locked and " ACCOUNT LOCK;\n" or ";\n" }
  end
  if is_new and to.tls or differs.tls then
    parts[#parts + 1] = ("ALTER USER %s REQUIRE %s;\n"):format(account(key), to.tls and "SSL" or "NONE")
  end
  if lock and not is_locked then
    parts[#parts + 1] = ("ALTER USER %s ACCOUNT %s;\n"):format(account(key), to.locked and "LOCK" or "UNLOCK")
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

--- A user without a password would let everybody in who knows the name.
function mysql_user.foresee(_, _, change)
  if has_no_way_in(change) and not change.to.locked then
    look.fail('a new user wants a password, or socket = true; with password = "" all are let in who know the name')
  end
end

-- Of whom no more than the name was looked at.
local function way_back(_, _, change)
  if has_no_way_in(change) then return { note = "how it was let in is not recorded: it comes back locked" } end
end

local function wanted(_, attrs)
  if attrs.socket == false and not attrs.password then attrs.socket = nil end
  return attrs
end

mysql_user.rollback = { wanted = wanted, look = way_back }

return mysql_user
