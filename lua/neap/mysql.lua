--- What MariaDB and Oracle's MySQL have in common, and where they part: SQL text, passwords, grants.
local taint = require "neap.core.taint"
local crypto = require "neap.core.crypto"

local mysql = {}

--- Shell text that finds the client; both flavours have one of these.
mysql.CLIENT = [[
client=$(command -v mariadb || command -v mysql) || { echo "no client of MariaDB or MySQL on this host" >&2; exit 1; }
]]

--- A step that runs SQL of its standard input as the server's administrator (root over the socket), up to the first
-- error.
function mysql.step(title, sql)
  return { run = mysql.CLIENT .. 'exec "$client" --batch', stdin = sql, title = title }
end

local function each(v, fn)
  if taint.is(v) then return taint.wrap(fn(taint.reveal(v)), "password") end
  return fn(v)
end

--- A value as an SQL string; a secret stays one.
function mysql.quote(v)
  return each(v, function(text) return "'" .. text:gsub("[\\']", { ["\\"] = "\\\\", ["'"] = "''" }) .. "'" end)
end

--- A value of an option file.
function mysql.option(v)
  return each(v, function(text)
    if text:find("[\r\n]") then error("a password cannot hold a line break", 0) end
    return '"' .. text:gsub("\\", "\\\\") .. '"'
  end)
end

function mysql.name(v) return "`" .. v:gsub("`", "``") .. "`" end

--- Whether a version (@@version) is MariaDB's.
function mysql.is_mariadb(version) return version:find("MariaDB", 1, true) ~= nil end

--- The rows that a probe asked for. nil when there is no server here at all; raises when it cannot tell, with the
-- promise of an answer where the server is down and the plan will start it.
-- @param columns names that each row must have
function mysql.rows(answer, columns)
  if answer.absent then return nil end
  if answer.down then require("neap.engine.ask").unknown("the database server is not running: " .. answer.down) end
  if answer.error then error(answer.error, 0) end
  for _, row in ipairs(answer.rows) do
    for _, name in ipairs(columns or {}) do
      if not row[name] then error(("the database server answered without a '%s'"):format(name), 0) end
    end
  end
  return answer.rows
end

-- What is stored for a password. mysql_native_password: SHA-1 twice.
local function native_hash(password)
  local digest = crypto.sha1(crypto.sha1(password))
  return "*" .. digest:gsub(".", function(c) return ("%02X"):format(c:byte()) end)
end

-- caching_sha2_password: SHA-crypt with 5000 rounds (https://www.akkadia.org/drepper/SHA-crypt.txt) and a salt of 20
-- bytes, written $A$005$SALTdigest.
local ITOA64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
local function raw256(bytes)
  local h, n = crypto.sha256(bytes), tonumber
  return string.pack(">I8I8I8I8", n(h:sub(1, 16), 16), n(h:sub(17, 32), 16), n(h:sub(33, 48), 16), n(h:sub(49, 64), 16))
end

local function stretched(bytes, length) return bytes:rep(length // 32 + 1):sub(1, length) end

local function first_digest(password, salt)
  local b = raw256(password .. salt .. password)
  local parts = { password, salt, stretched(b, #password) }
  local n = #password
  while n > 0 do
    parts[#parts + 1] = n & 1 == 1 and b or password
    n = n >> 1
  end
  return raw256(table.concat(parts))
end

local ORDER = {
  0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15, 25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19, 29,
}

local function encoded(digest)
  local out = {}
  local function put(value, count)
    for _ = 1, count do
      out[#out + 1] = ITOA64:sub((value & 63) + 1, (value & 63) + 1)
      value = value >> 6
    end
  end
  for i = 1, #ORDER, 3 do
    put(digest:byte(ORDER[i] + 1) << 16 | digest:byte(ORDER[i + 1] + 1) << 8 | digest:byte(ORDER[i + 2] + 1), 4)
  end
  put(digest:byte(32) << 8 | digest:byte(31), 3)
  return table.concat(out)
end

function mysql.sha_crypt(password, salt, rounds)
  local digest = first_digest(password, salt)
  local p = stretched(raw256(password:rep(#password)), #password)
  local s = stretched(raw256(salt:rep(16 + digest:byte(1))), #salt)
  for i = 0, rounds - 1 do
    local odd = i & 1 == 1
    local middle = (i % 3 ~= 0 and s or "") .. (i % 7 ~= 0 and p or "")
    digest = raw256(odd and p .. middle .. digest or digest .. middle .. p)
  end
  return encoded(digest)
end

local function sha2_matches(password, stored)
  local rounds, rest = stored:match("^%$A%$(%x%x%x)%$(.*)$")
  if not rounds or #rest ~= 63 then return false end
  return mysql.sha_crypt(password, rest:sub(1, 20), tonumber(rounds, 16) * 1000) == rest:sub(21)
end

-- What was found out about passwords, by digest: replicas store what their source does, and 5000 rounds take long.
local matches = {}

--- Whether `stored`, as the server keeps it for `plugin`, is of this password (string or secret).
function mysql.password_matches(plugin, stored, password)
  local clear = taint.is(password) and taint.reveal(password) or password
  if plugin == "mysql_native_password" then return (clear == "" and "" or native_hash(clear)) == stored:upper() end
  if plugin ~= "caching_sha2_password" then return false end
  if clear == "" or stored == "" then return clear == stored end
  local id = crypto.sha256(stored .. "\0" .. clear)
  if matches[id] == nil then matches[id] = sha2_matches(clear, stored) end
  return matches[id]
end

-- Servers keep no passwords. What stands for one that is not known is how the server says whom it lets in, in its own
-- SQL: it can be said again. No password that is typed begins so.
local STORED = "\1IDENTIFIED "

-- Whether it is one of the things that a server says there, and nothing behind it.
local function is_identification(text)
  local methods = text:match("^VIA (.+)$")
  if not methods then
    return text:find("^BY PASSWORD '[^'\\]*'$") or text:find("^WITH '[%w_]+' AS '[^'\\]*'$") or
      text:find("^WITH '[%w_]+' AS 0x%x+$") or text == "BY ''"
  end
  for method in (methods .. " OR "):gmatch("(.-) OR ") do
    if not method:find("^[%w_]+$") and not method:find("^[%w_]+ USING '[^'\\]*'$") then return false end
  end
  return true
end

-- Of MariaDB's SHOW CREATE USER; it may know of several ways.
local function said_by_mariadb(created, plugin, auth)
  local said = created:match(" IDENTIFIED (.*)$")
  if not said then return "BY ''" end
  for _, rest in ipairs { " REQUIRE ", " WITH MAX", " PASSWORD EXPIRE", " ACCOUNT " } do
    said = said:sub(1, (said:find(rest, 1, true) or 0) - 1)
  end
  return is_identification(said) and said or ("VIA %s USING '%s'"):format(plugin, auth)
end

--- What stands for a password that is not known.
-- @param plugin, auth what the server has for it
-- @param created what MariaDB's SHOW CREATE USER says, or nil: it is MySQL
-- @return string, or nil where it is nothing that could be said again
function mysql.stored(plugin, auth, created)
  local said
  if created then
    said = said_by_mariadb(created, plugin, auth)
  elseif auth:find("[^%w*$./]") then
    said = ("WITH '%s' AS 0x%s"):format(plugin, (auth:gsub(".", function(c) return ("%02X"):format(c:byte()) end)))
  else
    said = ("WITH '%s' AS '%s'"):format(plugin, auth)
  end
  return is_identification(said) and STORED .. said or nil
end

--- Whether a password (string or secret) is what stands for one that is not known.
function mysql.is_stored(password)
  local text = taint.is(password) and taint.reveal(password) or password
  return text:sub(1, #STORED) == STORED and is_identification(text:sub(#STORED + 1)) and true or false
end

--- The SQL by which somebody has this password.
function mysql.identified(password)
  if not mysql.is_stored(password) then return " IDENTIFIED BY " .. mysql.quote(password) end
  return each(password, function(text) return " " .. text:sub(2) end)
end

-- Privileges that go by two names.
local SAME = {
  ["ALL PRIVILEGES"] = "ALL", ["REPLICATION CLIENT"] = "BINLOG MONITOR", ["REPLICA MONITOR"] = "SLAVE MONITOR",
  ["REPLICATION REPLICA"] = "REPLICATION SLAVE", ["REPLICATION REPLICA ADMIN"] = "REPLICATION SLAVE ADMIN",
}

local function privilege(word)
  local name, columns = word:match("^%s*([%a_ ]-)%s*(%b())%s*$")
  if not name then return SAME[word:match("^%s*(.-)%s*$"):upper()] or word:match("^%s*(.-)%s*$"):upper() end
  local list = {}
  for column in columns:sub(2, -2):gmatch("[^,%s]+") do list[#list + 1] = column:gsub("`", "") end
  table.sort(list)
  return ("%s (%s)"):format(name:upper(), table.concat(list, ", "))
end

--- Privileges as a sorted list, from "SELECT, UPDATE (a, b)" or a list of such.
function mysql.privileges(value)
  local text = type(value) == "table" and table.concat(value, ",") or value
  local set, list = {}, {}
  for word in (text .. ","):gsub("%b()", function(group) return (group:gsub(",", "\1")) end):gmatch("([^,]*),") do
    local one = privilege((word:gsub("\1", ",")))
    if one ~= "" and one ~= "USAGE" and not set[one] then
      set[one] = true
      list[#list + 1] = one
    end
  end
  table.sort(list)
  return list
end

local function plain_name(part)
  local quoted = part:match("^`(.+)`$")
  return quoted and quoted:gsub("``", "`") or part
end

-- "db.table"; as the server writes it ("`a.b`.*") where the database's name has a dot.
local function grant_key(on)
  local db, object = on:match("^(`..-`)%.(.+)$")
  if not db then db, object = on:match("^([^.]+)%.(.+)$") end
  if not db then return nil end
  local name = plain_name(db):gsub("\\([_%%])", "%1")
  return name:find(".", 1, true) and on or name .. "." .. plain_name(object)
end

--- What SHOW GRANTS says, as { ["db.table"] = sorted privileges }.
function mysql.read_grants(lines)
  local grants = {}
  for _, line in ipairs(lines) do
    -- names are quoted, and may hold blanks; what is on a routine ("PROCEDURE `db`.`p`") is not ours
    local privileges, on, rest = line:match("^GRANT (.-) ON (.+) TO ([`'\"].*)$")
    if privileges and not privileges:find("^PROXY") and not on:find("^%u+ ") then
      local key = grant_key(on)
      if key then
        if rest:find("WITH GRANT OPTION") then privileges = privileges .. ", GRANT OPTION" end
        if grants[key] then privileges = privileges .. "," .. table.concat(grants[key], ",") end
        local list = mysql.privileges(privileges)
        grants[key] = #list > 0 and list or nil
      end
    end
  end
  return grants
end

--- "db.table" as SQL names it: in a grant on all of a database `_` and `%` would be wildcards.
function mysql.object(key)
  if key:sub(1, 1) == "`" then return key end -- as the server has it
  local db, object = key:match("^([^.]+)%.(.+)$")
  if db == "*" then return "*.*" end
  if object == "*" then return mysql.name((db:gsub("[_%%]", "\\%0"))) .. ".*" end
  return mysql.name(db) .. "." .. mysql.name(object)
end

return mysql
