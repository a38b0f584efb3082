-- Databases and their users, with what servers of both flavours print as data.
local t = require "harness"
local difference = require "neap.engine.difference"
local ask = require "neap.engine.ask"
local mysql = require "neap.mysql"
local crypto = require "neap.core.crypto"
local taint = require "neap.core.taint"

t.case("sha1: the examples of FIPS 180", function()
  local function hex(s) return (crypto.sha1(s):gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
  t.equal(hex "abc", "a9993e364706816aba3e25717850c26c9cd0d89d")
  t.equal(hex "", "da39a3ee5e6b4b0d3255bfef95601890afd80709")
  t.equal(hex(("a"):rep(1000)), "291e9a6c66994949b57ba5e650361e98fc36b1ba")
end)

-- As crypt(3) answers for $5$.
local crypted = {
  { "Hello world!", "saltstring", "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5" },
  { "a", "saltstring", "7cz4bTeQ7MnNssphNhFVrITtuJYY/1tdvLL2uzLvOk8" },
  { ("x"):rep(70), "saltstringsaltst", "Pq9ov2Vo62COYoeHnXGny2arFfqFSynnfJ9xyjs7ZX7" },
}
for _, case in ipairs(crypted) do
  t.case("sha-crypt of " .. #case[1] .. " bytes", function() t.equal(mysql.sha_crypt(case[1], case[2], 5000), case[3]) end)
end

local stored = {
  { "native, right", "mysql_native_password", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "password", true },
  { "native, wrong", "mysql_native_password", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "Password", false },
  { "a secret", "mysql_native_password", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", taint.new("password", "p"), true },
  { "sha2, right", "caching_sha2_password", "$A$005$" .. ("s"):rep(20) .. mysql.sha_crypt("pw", ("s"):rep(20), 5000), "pw",
    true },
  { "sha2, wrong", "caching_sha2_password", "$A$005$" .. ("s"):rep(20) .. mysql.sha_crypt("pw", ("s"):rep(20), 5000), "no",
    false },
  { "sha2, damaged", "caching_sha2_password", "$A$005$short", "pw", false },
  { "by the socket", "unix_socket", "", "pw", false },
}
for _, case in ipairs(stored) do
  t.case("password: " .. case[1], function() t.equal(mysql.password_matches(case[2], case[3], case[4]), case[5]) end)
end

local grants = {
  { "MariaDB's", { "GRANT BINLOG MONITOR, REPLICATION SLAVE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*24'",
    "GRANT SELECT, INSERT ON `a\\_b`.* TO `r`@`%` WITH GRANT OPTION" },
    { ["*.*"] = { "BINLOG MONITOR", "REPLICATION SLAVE" }, ["a_b.*"] = { "GRANT OPTION", "INSERT", "SELECT" } } },
  { "MySQL's, in two lines for one thing", { "GRANT USAGE ON *.* TO `x`@`%`", "GRANT BACKUP_ADMIN ON *.* TO `x`@`%`",
    "GRANT REPLICATION SLAVE ON *.* TO `x`@`%`" }, { ["*.*"] = { "BACKUP_ADMIN", "REPLICATION SLAVE" } } },
  { "of columns", { "GRANT SELECT, UPDATE (`b`, `a`) ON `d`.`t` TO `x`@`%`" },
    { ["d.t"] = { "SELECT", "UPDATE (a, b)" } } },
  { "everything", { "GRANT ALL PRIVILEGES ON `d`.* TO `x`@`%`" }, { ["d.*"] = { "ALL" } } },
  { "of a database whose name has a dot", { "GRANT SELECT ON `my.db`.* TO `x`@`%`", "GRANT INSERT ON `.d\\_`.`t` TO `x`@`%`" },
    { ["`my.db`.*"] = { "SELECT" }, ["`.d\\_`.`t`"] = { "INSERT" } } },
  { "of a database whose name has a blank", { "GRANT SELECT ON `a b`.* TO `u`@`10.0.0.%` WITH GRANT OPTION" },
    { ["a b.*"] = { "GRANT OPTION", "SELECT" } } },
  { "on a routine, which are not ours", { "GRANT EXECUTE ON PROCEDURE `a`.`p` TO `u`@`h`" }, {} },
  { "a role and a proxy are none", { "GRANT `r`@`%` TO `x`@`%`", "GRANT PROXY ON ``@`` TO `x`@`%`" }, {} },
}
for _, case in ipairs(grants) do
  t.case("grants: " .. case[1], function() t.equal(mysql.read_grants(case[2]), case[3]) end)
end

t.case("grants: texts and lists are the same set", function()
  t.equal(mysql.privileges("update,SELECT ,  select"), { "SELECT", "UPDATE" })
  t.equal(mysql.privileges { "update (b, a)", "REPLICATION CLIENT" }, { "BINLOG MONITOR", "UPDATE (a, b)" })
end)
t.case("names and values cannot leave their quotes", function()
  t.equal(mysql.quote("it's \\ \""), "'it''s \\\\ \"'")
  t.equal(mysql.name("a`b"), "`a``b`")
  t.equal(mysql.object("a_b%.*"), "`a\\_b\\%`.*")
  t.equal(mysql.object("a_b.t"), "`a_b`.`t`")
  t.equal(mysql.object("`my.db`.*"), "`my.db`.*")
  t.truthy(taint.is(mysql.quote(taint.new("x'y", "s"))), "a quoted secret is one")
end)

local kind = require "neap.questions.mysql"
local function asked(out, err, count, rc)
  local list = {}
  for i = 1, count do list[i] = { "SELECT " .. i } end
  return kind.parse({ rc = rc or 0, out = out, err = err }, list)
end
t.case("mysql: rows, errors and emptiness, each to its question", function()
  local answers = asked("a\tb\n1\tx\\ty\nneap_end\n1\nneap_end\n2\nneap_end\n3\n",
    "ERROR 1141 (42000) at line 3: There is no such grant defined for user 'x'\n", 3, 1)
  t.equal(answers[1], { rows = { { "1", "x\ty", a = "1", b = "x\ty" } } })
  t.equal(answers[2].number, 1141)
  t.equal(answers[3], { rows = {} })
end)
t.case("mysql: no client, no server, no way in", function()
  t.equal(asked("absent\n", "", 1), { { absent = true } })
  t.matches(asked("", "ERROR 2002 (HY000): Can't connect to local server through socket\n", 1, 1)[1].down, "2002")
  t.matches(asked("", "ERROR 1045 (28000): Access denied for user\n", 1, 1)[1].error, "1045")
end)
t.case("mysql: an answer cut short is an error", function()
  t.raises(function() asked("a\n1\n", "", 1) end, "cut short")
end)

local function probe(type_name, key, want, answer)
  local rtype = require("neap.types." .. type_name)
  local conn = {}
  function conn:requests(list)
    local replies = {}
    for i, request in ipairs(list) do
      local out, n = {}, 0
      for sql in (request.stdin or request.script):gmatch("([^\n]*);\nSELECT %d+ AS neap_end;\n") do
        n = n + 1
        out[n] = (type(answer) == "function" and answer(sql) or "") .. "neap_end\n" .. n .. "\n"
      end
      replies[i] = type(answer) == "string" and { rc = 0, out = "absent\n", err = "" }
        or type(answer) == "table" and answer or { rc = 0, out = table.concat(out), err = "" }
    end
    return replies
  end
  local job = { run = function(host) return rtype.probe(host, key, want) end }
  ask.new(conn, {}):run { job }
  return job
end

t.case("mysql_database: on a host without a server it is absent", function()
  local job = probe("mysql_database", "app", {}, "absent")
  t.equal({ job.found, job.unknown, job.error }, {})
end)
t.case("mysql_database: where the server is down it cannot be known", function()
  local job = probe("mysql_database", "app", {}, { rc = 1, out = "", err = "ERROR 2002 (HY000): no socket\n" })
  t.matches(job.unknown, "not running")
end)
t.case("mysql_user: as found", function()
  local answer = function(sql)
    if sql:find("^SHOW") then return "Grants for x@%\nGRANT SELECT ON `d`.* TO `x`@`%`\n" end
    return "plugin\tauth\ttls\tversion\nmysql_native_password\t"
      .. ("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"):gsub(".", function(c) return ("%02X"):format(c:byte()) end)
      .. "\t\t8.4.5\n"
  end
  local want = { password = taint.new("password", "p") }
  local job = probe("mysql_user", "x@%", want, answer)
  t.equal(job.error, nil)
  t.equal(job.found.grants, { ["d.*"] = { "SELECT" } })
  t.truthy(job.found.password == want.password, "the password is the wanted one")
  local other = probe("mysql_user", "x@%", { password = taint.new("no", "p") }, answer)
  t.truthy(other.found.password ~= taint.new("no", "p"), "another password")
end)

local HEX = { ["invalid"] = "696E76616C6964", ["*24"] = "2A3234", ["$A$\1'"] = "2441240127", [""] = "" }
-- { what, version, plugin, what the server keeps, what SHOW CREATE USER says after the name, what stands for the password }
for _, case in ipairs {
  { "MariaDB, a password", "11.8.3-MariaDB", "mysql_native_password", "*24", " IDENTIFIED BY PASSWORD '*24' REQUIRE SSL",
    "BY PASSWORD '*24'" },
  { "MariaDB, several ways", "11.8.3-MariaDB", "mysql_native_password", "invalid",
    " IDENTIFIED VIA mysql_native_password USING 'invalid' OR unix_socket ACCOUNT LOCK",
    "VIA mysql_native_password USING 'invalid' OR unix_socket" },
  { "MariaDB, no password", "11.8.3-MariaDB", "mysql_native_password", "", " REQUIRE SSL", "BY ''" },
  { "MariaDB, of which more is said than can be read", "11.8.3-MariaDB", "ed25519", "*24",
    " IDENTIFIED VIA ed25519 USING 'it''s'", "VIA ed25519 USING '*24'" },
  { "MySQL, a password", "8.4.5", "caching_sha2_password", "$A$\1'", nil, "WITH 'caching_sha2_password' AS 0x2441240127" },
  { "MySQL, no password", "8.4.5", "caching_sha2_password", "", nil, "WITH 'caching_sha2_password' AS ''" },
} do
  t.case("mysql_user: what stands for a password that is not known: " .. case[1], function()
    local function answer(sql)
      if sql:find("^SHOW GRANTS") then return "Grants for x\n" end
      if sql:find("^SHOW CREATE") then return "CREATE USER for x@%\nCREATE USER `x`@`%`" .. (case[5] or "") .. "\n" end
      return ("plugin\tauth\ttls\tversion\n%s\t%s\t\t%s\n"):format(case[3], HEX[case[4]], case[2])
    end
    local job = probe("mysql_user", "x@%", nil, answer)
    t.equal(job.error, nil)
    t.equal(taint.reveal(job.found.password), "\1IDENTIFIED " .. case[6])
    local again = probe("mysql_user", "x@%", { password = job.found.password }, answer)
    t.truthy(again.found.password == job.found.password, "it is the same, asked for")
    t.equal({ job.found.locked, again.found.locked }, { (case[5] or ""):find "LOCK" ~= nil, nil })
  end)
end

t.case("mysql_user: of one whom the socket is to let in it is known what he loses", function()
  local created
  local job = probe("mysql_user", "x@%", { socket = true }, function(sql)
    created = created or sql:find("^SHOW CREATE") ~= nil
    return sql:find("^SHOW") and "x\nCREATE USER `x`@`%` IDENTIFIED BY PASSWORD '*24'\n"
      or "plugin\tauth\ttls\tversion\nmysql_native_password\t2A3234\t\t11.8.3-MariaDB\n"
  end)
  t.equal({ taint.reveal(job.found.password), created }, { "\1IDENTIFIED BY PASSWORD '*24'", true })
end)

t.case("mysql_user: no password at all is an empty one", function()
  local job = probe("mysql_user", "x@%", { password = "" }, function(sql)
    return sql:find("^SHOW") and "x\n" or "plugin\tauth\ttls\tversion\nmysql_native_password\t\t\t11.8.3-MariaDB\n"
  end)
  t.equal(job.found.password, "")
end)

t.case("mysql_user: a new one says how it is let in", function()
  local rtype = require "neap.types.mysql_user"
  local function plan(to) rtype.foresee(nil, "x", { kind = "create", to = to }) end
  t.raises(function() plan {} end, "a new user wants a .+, or socket = true")
  for _, to in ipairs { { password = "" }, { socket = true }, { locked = true } } do plan(to) end
  rtype.foresee(nil, "x", { kind = "update", to = {} })
  t.equal(rtype.rollback.look(nil, "x", { kind = "create", to = {} }).note, "how it was let in is not recorded: it comes back locked")
end)

t.case("mysql_user: one whom the socket lets in has no password that could be another", function()
  local job = probe("mysql_user", "x@localhost", { password = taint.new("password", "p") }, function(sql)
    return sql:find("^SHOW") and "Grants for x\n" or "plugin\tauth\ttls\tversion\nunix_socket\t\t\t11.8.3-MariaDB\n"
  end)
  t.equal({ job.error, job.found.socket, job.found.password }, { nil, true })
end)

-- { name, type, key, found, wanted, SQL }
local steps = {
  { "a database", "mysql_database", "a`b", nil, { charset = "utf8mb4" }, "CREATE DATABASE `a``b` CHARACTER SET utf8mb4;\n" },
  { "another collation", "mysql_database", "a", { charset = "utf8mb4", collation = "x" }, { collation = "y" },
    "ALTER DATABASE `a` COLLATE y;\n" },
  { "a user", "mysql_user", "x@10.%", nil, { password = "", grants = { ["d_1.*"] = { "SELECT" } }, tls = true },
    "CREATE USER 'x'@'10.%' IDENTIFIED BY '';\nALTER USER 'x'@'10.%' REQUIRE SSL;\nGRANT SELECT ON `d\\_1`.* TO 'x'@'10.%';\n" },
  { "a grant more, one less", "mysql_user", "x", { grants = { ["d.*"] = { "INSERT", "SELECT" }, ["e.*"] = { "ALL" } } },
    { grants = { ["d.*"] = { "DELETE", "SELECT" } } },
    "REVOKE INSERT ON `d`.* FROM 'x'@'%';\nREVOKE ALL ON `e`.* FROM 'x'@'%';\nGRANT DELETE ON `d`.* TO 'x'@'%';\n" },
  { "the right to pass on", "mysql_user", "x", { grants = { ["d.*"] = { "SELECT" } } },
    { grants = { ["d.*"] = { "GRANT OPTION", "SELECT" } } },
    "GRANT USAGE ON `d`.* TO 'x'@'%' WITH GRANT OPTION;\n" },
  { "a user of whom nobody says how he is let in", "mysql_user", "x", nil, {}, "CREATE USER 'x'@'%' ACCOUNT LOCK;\n" },
  { "a user who is kept out", "mysql_user", "x", nil, { password = "a", locked = true },
    "CREATE USER 'x'@'%' IDENTIFIED BY 'a' ACCOUNT LOCK;\n" },
  { "a user who is let in again", "mysql_user", "x", { locked = true }, { locked = false }, "ALTER USER 'x'@'%' ACCOUNT UNLOCK;\n" },
  { "a password that Neap never knew", "mysql_user", "x", { password = "new" }, { password = "\1IDENTIFIED BY PASSWORD '*24'" },
    "ALTER USER 'x'@'%' IDENTIFIED BY PASSWORD '*24';\n" },
  { "no SQL that a record would slip in", "mysql_user", "x", { password = "new" }, { password = "\1IDENTIFIED BY ''; DROP USER y" },
    "ALTER USER 'x'@'%' IDENTIFIED BY '\1IDENTIFIED BY ''''; DROP USER y';\n" },
  { "no user", "mysql_user", "x@h", { grants = {} }, nil, "DROP USER 'x'@'h';\n" },
}
for _, case in ipairs(steps) do
  t.case("sql: " .. case[1], function()
    local rtype = require("neap.types." .. case[2])
    local change = difference.change(rtype, case[4], case[5])
    local sql = rtype.steps(case[3], change, {})[1].stdin
    t.equal(taint.is(sql) and taint.reveal(sql) or sql, case[6])
  end)
end

t.case("sql: a password is only in the standard input, and a secret there", function()
  local rtype = require "neap.types.mysql_user"
  local change = difference.change(rtype, nil, { password = taint.new("s3'cret", "db") })
  local step = rtype.steps("x", change, {})[1]
  t.truthy(taint.is(step.stdin), "the SQL is a secret")
  t.equal(taint.reveal(step.stdin), "CREATE USER 'x'@'%' IDENTIFIED BY 's3''cret';\n")
  t.truthy(not step.run:find("cret"), "no password in the script")
end)

t.case("grants: ALL on everything is the long list that MySQL makes of it", function()
  local list = { "SUPER", "SHUTDOWN", "CREATE USER" }
  for i = 1, 25 do list[#list + 1] = "P" .. i end
  t.truthy(require("neap.types.mysql_user").equal.grants({ ["*.*"] = list }, { ["*.*"] = { "ALL" } }))
  t.truthy(not require("neap.types.mysql_user").equal.grants({ ["*.*"] = { "SUPER" } }, { ["*.*"] = { "ALL" } }))
end)

local refused = {
  { { grants = { app = "ALL" } }, "grants are on" }, { { grants = { ["a.*"] = "SELECT; DROP" } }, "no privilege" },
  { { grants = { ["a.*"] = 7 } }, "text or a list" }, { { socket = true, password = "x" }, "not both" },
}
for i, case in ipairs(refused) do
  t.case("mysql_user: refuses " .. i, function()
    t.raises(function() require("neap.types.mysql_user").check("x@%", case[1]) end, case[2])
  end)
end

t.case("mysql_user: a password that was recorded ends where the socket lets in", function()
  local rtype, lasting = require "neap.types.mysql_user", require "neap.engine.lasting"
  local old = { state = { password = "x", socket = false, tls = true } }
  local function carried(socket) return lasting.carried(rtype, old, { state = { socket = socket } }, {}, {}) end
  t.equal({ carried(false), carried(true) }, { { password = "x", tls = true }, { tls = true } })
end)
