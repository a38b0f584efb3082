-- Which changes stand under the lock-out guard, and what it does around them.
local t = require "harness"
local fake = require "fake_host"
local loop = require "neap.core.loop"
local apply = require "neap.engine.apply"
local guard = require "neap.engine.guard"
local guarded = require "neap.engine.guarded"
local plan = require "neap.engine.plan"
local types = require("neap.engine.types").new()

local function change(kind, key, attrs, more)
  local made = {
    id = kind .. ":" .. key, kind = "update", differs = {}, from = attrs or {}, to = attrs or {},
    resource = { type = kind, rtype = types:get(kind), key = key, id = kind .. ":" .. key, attrs = attrs or {}, meta = {} },
  }
  for name, value in pairs(more or {}) do
    if name == "guard" then made.resource.meta.guard = value else made[name] = value end
  end
  return made
end

-- { what, its change, whether it is guarded when `ops` logs in }
local cases = {
  { "sshd's configuration", change("file", "/etc/ssh/sshd_config"), true },
  { "a part of it", change("file", "/etc/ssh/sshd_config.d/10-x.conf"), true },
  { "a line in it", change("line", "root login", { path = "/etc/ssh/sshd_config", line = "x" }), true },
  { "a service that is ssh's", change("service", "ssh"), true },
  { "the same by its whole name", change("service", "sshd.service"), true },
  { "another service", change("service", "nginx"), false },
  { "rules of nftables", change("file", "/etc/nftables.conf"), true },
  { "a part of them", change("file", "/etc/nftables.d/web.nft"), true },
  { "the network", change("file", "/etc/network/interfaces.d/eth0"), true },
  { "networkd", change("file", "/etc/systemd/network/10-x.network"), true },
  { "sudoers", change("file", "/etc/sudoers"), true },
  { "a part of sudoers", change("file", "/etc/sudoers.d/ops"), true },
  { "PAM", change("file", "/etc/pam.d/sshd"), true },
  { "the user that logs in", change("user", "ops"), true },
  { "another user", change("user", "app"), false },
  { "its key", change("authorized_key", "laptop", { user = "ops", key = "ssh-ed25519 AAAA" }), true },
  { "the file that holds it", change("file", "/home/ops/.ssh/authorized_keys"), true },
  { "its home", change("directory", "/home/ops"), true },
  { "another home", change("directory", "/home/app"), false },
  { "a group that sudoers names", change("group", "sudo"), true },
  { "another group", change("group", "app"), false },
  { "what its shell reads", change("file", "/home/ops/.bashrc"), true },
  { "what PAM gives to it", change("file", "/etc/environment"), true },
  { "what its sshd runs", change("file", "/home/ops/.ssh/rc"), true },
  { "the shell itself", change("symlink", "/bin/sh"), true },
  { "who is let through to its interface", change("sysctl", "net.ipv6.conf.all.disable_ipv6", { live = true }), true },
  { "another parameter", change("sysctl", "net.ipv4.ip_nonlocal_bind", { live = true }), false },
  { "what another's shell reads", change("file", "/home/app/.bashrc"), false },
  { "a file like any other", change("file", "/etc/motd"), false },
  { "a name that only looks alike", change("file", "/srv/etc/ssh/sshd_config"), false },
  { "what the playbook says is", change("command", "routes", { run = "x" }, { guard = true }), true },
  { "what the playbook says is not", change("file", "/etc/ssh/ssh_config", {}, { guard = false }), false },
}
for _, case in ipairs(cases) do
  t.case("guarded: " .. case[1], function() t.equal((guarded.is(case[2], "ops")), case[3]) end)
end

-- { what, its change, whether it is refused when `ops` logs in }
for _, case in ipairs {
  { "the user that logs in goes", change("user", "ops", {}, { kind = "delete" }), true },
  { "the same is closed", change("user", "ops", { disabled = true }, { differs = { disabled = true } }), true },
  { "another user goes", change("user", "app", {}, { kind = "delete" }), false },
  { "the user that logs in gets another shell", change("user", "ops", {}, { differs = { shell = true } }), false },
  { "it goes, and the playbook says so twice", change("user", "ops", {}, { kind = "delete", guard = false }), false },
  { "a group of that name goes", change("group", "ops", {}, { kind = "delete" }), false },
} do
  t.case("refused: " .. case[1], function()
    local list = guarded.refusals({ case[2] }, function() return "ops" end)
    t.equal(#list, case[3] and 1 or 0)
    if case[3] then t.matches(tostring(list[1]), "^user:ops: Neap logs in as 'ops', who is not taken away") end
  end)
end

local function windows(changes)
  local list = {}
  for i, window in ipairs(guarded.windows(changes, "ops")) do list[i] = { window.first, window.last, #window.members } end
  return list
end

local sshd, sudoers = change("file", "/etc/ssh/sshd_config"), change("file", "/etc/sudoers.d/ops")
local motd, nginx = change("file", "/etc/motd"), change("service", "nginx")

t.case("a file and the restart that it causes are one window, whatever stands between", function()
  local restart = change("service", "ssh", {}, { trigger = "restart", because = { sshd.id } })
  t.equal(windows { motd, sshd, nginx, restart, motd }, { { 2, 4, 2 } })
end)

t.case("neighbours are one window, others two", function()
  t.equal(windows { sshd, sudoers, motd, sshd }, { { 1, 2, 2 }, { 4, 4, 1 } })
end)

t.case("a command that a guarded file causes belongs to it", function()
  local reload = change("command", "reload", { run = "nft" }, { trigger = "run", because = { sshd.id } })
  t.equal(windows { sshd, reload, motd }, { { 1, 2, 1 } })
end)

t.case("a transaction stays whole", function()
  local batch = {}
  local a, b = change("package", "a", {}, { batch = batch }), change("package", "b", {}, { batch = batch, guard = true })
  t.equal(windows { motd, a, b, motd }, { { 2, 3, 1 } })
end)

-- ---- around the changes of an apply ----

-- A connection that answers all scripts of the guard, and notes which; the others go to `plain`.
local function switch(log, answers, plain)
  return {
    request = function(_, request)
      local name = request.script:match("deadline %d+ && at_boot") and "arm" or
        request.script:match("/watch\" now") and "fire" or request.script:match("mv \"$g/armed\" \"$g/off\"") and "disarm"
        or request.script:match("deadline %d+ && %[") and "renew" or request.script:match("cat >\"$g/undo") and "keep"
        or request.script
      log[#log + 1] = name
      local answer = answers[name]
      if answer then return table.unpack(answer) end
      if name == request.script and name:match("^[%a-]+ %a") then return plain(request) end
      return { rc = 0, out = "evidence\n", err = "" }
    end,
    close = function() log[#log + 1] = "close" end,
  }
end

-- Applies a guarded thing and one that is not; `connect` is how a new login ends.
-- @param relock whether the new connection gets the lock of the old one
local function apply_guarded(connect, answers, refused, relock)
  local host, log = fake.new(), {}
  if refused then host.broken["set a 1"] = true end
  local list = { fake.resource("a", { size = 1 }, { guard = true }, refused), fake.resource("b", { size = 1 }) }
  local planned = plan.host(host.round(), fake.desired(list))
  local entry = { conn = host.conn, plan = planned, facts = {} }
  local plain = host.conn.request
  local line = switch(log, answers or {}, function(request) return plain(host.conn, request) end)
  function line.requests(_, ...) return host.conn:requests(...) end
  host.conn.request = function(self, request)
    if request.script:match("guard") or request.script == ":" then return line:request(request) end
    log[#log + 1] = request.script
    return plain(self, request)
  end
  host.conn.close = function() log[#log + 1] = "close old" end
  local watch = guard.new {
    host = entry, login = "root", timeout_s = 3, say = function() end, reached = function() return false end,
    connect = function() return connect(log, line) end,
    relock = function() log[#log + 1] = "relock" return table.unpack(relock or { true }) end,
  }
  local result
  loop.run(function()
    result = apply.host(entry, {
      journal = function() end, progress = function() end, wait = function() end, guard = watch,
      interrupted = function() return false end,
    })
  end)
  return result, log, entry
end

local function lets_in(log, line)
  log[#log + 1] = "login"
  return line
end

t.case("armed before, proven and disarmed after; what is not guarded comes after that", function()
  local result, log = apply_guarded(lets_in)
  t.equal(result.failure, nil)
  t.equal(log, { "arm", "keep", "set a 1", "login", "true", "disarm", ":", "close", "set b 1" })
end)

t.case("no new login: it goes back, and says so", function()
  local result, log, host = apply_guarded(function(log)
    log[#log + 1] = "refused"
    return nil, "permission denied", "auth"
  end)
  t.equal(result.failure.code, "rolled-back")
  t.matches(tostring(result.failure), "no new login: permission denied")
  t.equal({ log[1], log[3], log[4], log[#log] }, { "arm", "set a 1", "refused", "fire" })
  t.equal(result.done["thing:a"].put_back, true)
  t.equal(result.done["thing:b"], nil)
  t.equal(host.evidence, "evidence\n")
end)

t.case("a guard that has fired before it could be disarmed is a change taken back", function()
  local result = apply_guarded(lets_in, { disarm = { { rc = 9, out = "", err = "" } } })
  t.equal(result.failure.code, "rolled-back")
  t.matches(tostring(result.failure), "took longer than 3 s")
end)

t.case("where the guard cannot be armed nothing is changed", function()
  local result, log = apply_guarded(lets_in, { arm = { { rc = 1, out = "", err = "no space left" } } })
  t.equal(result.failure.code, "failed")
  t.matches(tostring(result.failure), "cannot arm the lock%-out guard: no space left")
  for _, line in ipairs(log) do t.equal(line == "set a 1", false) end
end)

t.case("a file that is refused before it is in its place has not been changed", function()
  local file = setmetatable({ name = "file" }, { __index = fake.thing })
  local result, log = apply_guarded(lets_in, {}, file)
  t.equal(result.failure.code, "failed")
  t.equal(log, { "arm", "set a 1", "disarm" })
end)

t.case("what has failed and may be half done goes back", function()
  local result, log = apply_guarded(lets_in, {}, fake.thing)
  t.equal(result.failure.code, "rolled-back")
  t.equal(log[#log], "fire")
end)

-- The connection was cut, and the new one must stand in for it.
local CUT = { [":"] = { nil, "the connection was closed", "closed" } }
-- { what, how the lock is had again, the failure, whether what comes after is done }
for _, case in ipairs {
  { "takes the run's lock", { true }, nil, true },
  { "does not get it, and nothing more is done", { nil, "locked by eve@ctl since 10:00 (apply)" }, "locked", false },
} do
  t.case("a new connection in the place of one that was cut " .. case[1], function()
    local result, log = apply_guarded(lets_in, CUT, nil, case[2])
    t.equal(result.failure and result.failure.code, case[3])
    if case[3] then t.matches(tostring(result.failure), "cannot be had again: locked by eve@ctl since 10:00") end
    t.equal({ log[6], log[7], log[8], log[9] }, { "disarm", ":", "close old", "relock" })
    t.equal(result.done["thing:b"] ~= nil, case[4])
  end)
end
