-- Package sources, timers, waiting and checks: as data, and the scripts of checks at work on this machine.
local t = require "harness"
local Model = require "neap.engine.model"
local crypto = require "neap.core.crypto"
local difference = require "neap.engine.difference"
local reach = require "neap.reach"
local taint = require "neap.core.taint"

local function run(script)
  local pipe = assert(io.popen("exec 2>&1; " .. script, "r"))
  local out = pipe:read("a")
  local _, _, rc = pipe:close()
  return rc or 0, out
end

local KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n"
local repository = require "neap.types.apt_repository"
-- { name, attributes, text of the file or pattern of the error }
local sources = {
  { "one", { uris = { "http://m/debian" }, suites = { "stable" }, components = { "main", "extra" }, types = { "deb" } },
    "Types: deb\nURIs: http://m/debian\nSuites: stable\nComponents: main extra\n" },
  { "flat, with a key", { uris = { "http://m/x" }, suites = { "./" }, components = { "main" }, types = { "deb" }, key = KEY },
    "Types: deb\nURIs: http://m/x\nSuites: ./\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
    .. " -----END PGP PUBLIC KEY BLOCK-----\n" },
  { "no suite", { uris = { "http://m" } }, error = "'suites' is required" },
  { "a key that is none", { uris = { "u" }, suites = { "s" }, key = "x" }, error = "in armour" },
  { "two words in one", { uris = { "u v" }, suites = { "s" } }, error = "not one word" },
}
for _, case in ipairs(sources) do
  t.case("apt_repository: " .. case[1], function()
    if case.error then return t.raises(function() repository.check("x", case[2]) end, case.error) end
    t.equal(repository.check("x", case[2]).content, case[3])
  end)
end
t.case("apt_repository: packages of the same plan see it, and what other types write there", function()
  local model = Model.new()
  local change = difference.change(repository, nil, { content = "Types: deb\n" })
  repository.effects("x", change, model)
  local apt, dir = require "neap.apt", "/etc/apt/sources.list.d/"
  model:set("content", { dir .. "y.list" }, taint.wrap("deb http://a:b@m ./\n", "source"))
  model:set("content", { dir .. "z.sources" }, nil)
  model:set("content", { dir .. "z.save" }, "no source\n")
  model:forget("content", { dir .. "u.list" }, "it comes with a package")
  t.equal(apt.planned_sources(model),
    { ["x.sources"] = "Types: deb\n", ["y.list"] = "deb http://a:b@m ./\n", ["z.sources"] = false })
  local text = apt.with_sources { ["x.sources"] = "it's\n", ["y.sources"] = false }
  t.matches(text, "printf %%s 'it'\\''s\n' >\"$parts\"/x.sources\nrm %-f \"$parts\"/y.sources")
end)

t.case("systemd_unit: of a masked unit nothing is read, and nothing is stale", function()
  local unit = require "neap.types.systemd_unit"
  local function content_of(load)
    local host = {
      expect = function() end, stat = function() return { kind = "file" } end, content = function() return "x" end,
      unit = function() return { load = load, stale = true } end, sha256 = function() return crypto.sha256("x") end,
    }
    return unit.probe(host, "a.service.d/b.conf", { content = "x" }).content
  end
  t.equal({ content_of "masked", content_of "loaded" }, { "x", "(not read by systemd yet)\n" })
end)

t.case("systemd_unit: a mask in its place goes where its service is to be without it, and is none of it else", function()
  local unit = require "neap.types.systemd_unit"
  local function look(target, want, service)
    local host = {
      expect = function() end, stat = function() return { kind = "symlink", target = target } end,
      unit = function() return { load = "masked" } end,
    }
    local resource = { key = "a.service", attrs = want }
    if want then unit.agree(resource, { ["service:a"] = service }) end
    local ok, found = pcall(unit.probe, host, "a.service", want)
    return ok and "absent " .. tostring(found == nil) or tostring(found)
  end
  local on, off = { attrs = { masked = true } }, { attrs = { masked = false } }
  t.equal({ look("/dev/null"), look("/dev/null", { content = "x" }, off),
    look("/dev/null", { content = "x" }, { absent = true, attrs = {} }) }, { "absent true", "absent true", "absent true" })
  t.matches(look("/dev/null", { content = "x" }, on), "no file but the mask of the unit: declare service \"a\" with masked = false")
  t.matches(look("/dev/null", { content = "x" }, { attrs = {} }), "no file but the mask of the unit")
  t.matches(look("/usr/lib/x"), "no file but symlink")
  t.matches(look("/usr/lib/x", { content = "x" }, off), "no file but symlink")
end)

t.case("service: when a mask is taken off, systemd has read the unit anew", function()
  local model = Model.new { unit = { ["a.service"] = { answer = { load = "masked", active = "active", enabled = "masked", stale = true } } } }
  require("neap.types.service").effects("a", { kind = "delete", from = { masked = true, running = true } }, model)
  local unit = model:get("unit", { "a.service" })
  t.equal({ unit.load, unit.active, unit.enabled, unit.stale }, { "loaded", "inactive", "disabled", false })
end)

-- { what, type, change, files as found, as they are then }
local ADA = { uid = 7, home = "/home/ada" }
local owned = {
  { "a group's new number leaves its files behind", "group", { from = { gid = 7 }, to = { gid = 9 } }, "7 ada", "7" },
  { "a number that a group comes to brings its files", "group", { from = { gid = 7 }, to = { gid = 9 } }, "9 9", "ada" },
  { "a group that goes leaves a number", "group", { from = { gid = 7 } }, "7 ada", "7" },
  { "a group that stays keeps its files", "group", { from = { gid = 7 }, to = { gid = 7 } }, "7 ada", "ada" },
  { "another's files are another's", "group", { from = { gid = 7 }, to = { gid = 9 } }, "8 bob", "bob" },
  { "a user's new number", "user", { from = ADA, to = { uid = 9 } }, "7 ada", "7" },
  { "a user's home goes along", "user", { from = ADA, to = { uid = 9 } }, "7 ada", "ada", "/home/ada/x" },
  { "a user who goes", "user", { from = ADA }, "7 ada", "7", "/home/ada/x" },
}
for _, case in ipairs(owned) do
  t.case("owners: " .. case[1], function()
    local number, name = case[4]:match("^(%d+) (%w+)$")
    local path, what = case[6] or "/f", case[2] == "group" and "group" or "owner"
    local st = { [what] = name, [what == "group" and "gid" or "uid"] = math.tointeger(tonumber(number)) }
    local model = Model.new { stat = { [path] = { answer = st } } }
    local change = { kind = case[3].to and "update" or "delete", from = case[3].from, to = case[3].to, differs = {} }
    require("neap.types." .. case[2]).effects("ada", change, model)
    t.equal(model:get("stat", { path })[what], case[5])
  end)
end

t.case("owners: a file was before Neap of one who takes his old number again, and of nobody who goes", function()
  for _, to in ipairs { { gid = 8 }, false } do
    local model = Model.new { stat = { ["/f"] = { answer = { group = "ada", gid = 7 } } } }
    model.leaving = true
    local change = { kind = to and "update" or "delete", from = { gid = 7 }, to = to or nil, differs = { gid = true } }
    require("neap.types.group").effects("ada", change, model)
    t.equal(model:get("stat", { "/f" }).group, "7")
    t.equal({ model:touches { { "stat", "/f" } } }, { true, not to })
  end
end)

t.case("owners: what went along with its owner to his new number is not that of who takes the old one", function()
  local model = Model.new { stat = { ["/home/ada/x"] = { answer = { owner = "ada", uid = 7 } } } }
  local user = require "neap.types.user"
  user.effects("ada", { kind = "update", from = ADA, to = { uid = 9, home = "/home/ada" }, differs = { uid = true } }, model)
  user.effects("bob", { kind = "update", from = { uid = 8, home = "/home/bob" }, to = { uid = 7 }, differs = { uid = true } }, model)
  t.equal(model:get("stat", { "/home/ada/x" }), { owner = "ada", uid = 9 })
end)

local timer = require "neap.types.timer"
local timers = {
  { "at a time", { command = "echo \"$HOME\" 100%", on_calendar = { "hourly" }, user = "app", persistent = true },
    { 'ExecStart=/bin/sh -c "echo \\"$$HOME\\" 100%%"\n', "User=app\n" }, { "OnCalendar=hourly\nPersistent=true\n" } },
  { "every so often", { command = "x", every = "5min", user = "root", random_delay = "1min" }, {},
    { "OnActiveSec=5min\nOnUnitActiveSec=5min\nRandomizedDelaySec=1min\n" } },
  { "never", { command = "x", user = "root" }, error = "say when" },
  { "nothing", { every = "1min" }, error = "'command' is required" },
  { "two lines for one", { command = "x", every = "1min\nExecStart=/bin/evil", user = "root" }, error = "one line" },
}
for _, case in ipairs(timers) do
  t.case("timer: " .. case[1], function()
    if case.error then return t.raises(function() timer.check("x", case[2]) end, case.error) end
    local attrs = timer.check("x", case[2])
    for _, text in ipairs(case[3]) do t.truthy(attrs.service:find(text, 1, true), text .. " in " .. attrs.service) end
    for _, text in ipairs(case[4]) do t.truthy(attrs.timer:find(text, 1, true), text .. " in " .. attrs.timer) end
  end)
end
t.case("timer: times that systemd cannot read, and users that are not there, are found in the plan", function()
  local asked = {}
  local host = {
    getent = function(_, _, name) return name == "ann" or nil end,
    missing = function(_, fmt, ...) error(fmt:format(...), 0) end,
    run = function(_, script)
      asked[#asked + 1] = script
      if script:find("daily", 1, true) then return { rc = 127, err = "libfoo.so: cannot allocate memory\n" } end
      return { rc = script:find("every day", 1, true) and 1 or 0, err = "Failed to parse 'every day'\nmore\n" }
    end,
  }
  local function foresee(attrs, from)
    timer.foresee(host, "x", { kind = from and "update" or "create", from = from, to = timer.check("x", attrs) })
  end
  foresee { command = "true", user = "ann", on_calendar = { "hourly" }, random_delay = "5min", every = "1h" }
  t.matches(asked[1], "systemd%-analyze calendar %-%- hourly >")
  t.matches(asked[1], "systemd%-analyze timespan %-%- 1h >")
  t.raises(function() foresee { command = "true", on_calendar = { "every day" } } end,
    "Failed to parse 'every day'; see systemd.time")
  t.raises(function() foresee { command = "true", on_calendar = { "daily" } } end,
    "could not look at its times %(status 127%): libfoo.so: cannot allocate memory")
  t.raises(function() foresee { command = "true", user = "bob", on_calendar = { "hourly" } } end, "user 'bob' does not exist")
  foresee({ command = "false", on_calendar = { "hourly" } },
    timer.check("x", { command = "true", on_calendar = { "hourly" } }))
  t.equal(#asked, 3, "questions; none where the times stay")
end)

t.case("timer: only what differs is written", function()
  local from = { service = "a", timer = "b", running = true }
  local change = difference.change(timer, from, { service = "a", timer = "c", running = true })
  local steps = timer.steps("x", change)
  t.equal(#steps, 2)
  t.matches(steps[1].title, "x.timer")
  t.matches(steps[2].run, "daemon%-reload && systemctl enable %-q x.timer && systemctl restart x.timer")
end)

t.case("timer: of the two files, one that was not there goes again", function()
  local function steps(from, to)
    local titles = {}
    local change = difference.change(timer, from, to)
    for i, step in ipairs(timer.steps("x", change)) do titles[i] = step.title end
    return titles
  end
  local dir = "remove /etc/systemd/system/"
  t.equal(steps({ service = "a", timer = "b", running = true }, { service = "a", timer = false, running = false }),
    { "stop x.timer", dir .. "x.timer", "set x.timer" })
  t.equal(steps({ service = "a", timer = "b", running = true }, { service = false, timer = "b", running = true }),
    { dir .. "x.service", "set x.timer" })
end)

-- Checks: { name, attributes, whether it passes, what it says }
local checks = {
  { "a command that succeeds", { command = "true" }, true },
  { "a command that fails", { command = "false" }, false, "'false' fails" },
  { "a port that nothing listens on", { port = 1 }, false, "nothing answers on 127.0.0.1:1" },
  { "a page that nobody serves", { url = "http://127.0.0.1:1/x" }, false, "no answer from 'http://127.0.0.1:1/x'" },
}
for _, case in ipairs(checks) do
  t.case("check: " .. case[1], function()
    local rc, out = run("sh -c " .. require("neap.sh").quote(reach.script(case[2])))
    t.equal(rc == 0, case[3])
    if case[4] then t.truthy(out:find(case[4], 1, true), out) end
  end)
end
t.case("wait_for: gives up, and says what for", function()
  local rc, out = run("sh -c " .. require("neap.sh").quote(reach.wait({ command = "false" }, 0)))
  t.equal(rc, 1)
  t.matches(out, "'false' fails, for 0 s")
end)
-- A page as curl would show it, by a curl of ours on PATH.
local function page(attrs)
  local dir = os.tmpname()
  os.remove(dir)
  os.execute("mkdir " .. dir)
  local f = assert(io.open(dir .. "/curl", "w"))
  f:write("#!/bin/sh\nprintf 'HTTP/1.1 503 Busy\\r\\nX: hidden\\r\\n\\r\\nsay hello\\n'\n")
  f:close()
  os.execute("chmod +x " .. dir .. "/curl")
  local rc, out = run("PATH=" .. dir .. ":$PATH sh -c " .. require("neap.sh").quote(reach.script(attrs)))
  os.execute("rm -rf " .. dir)
  return rc == 0, out
end
local pages = {
  { "status and text", { status = 503, body = "say hello" }, true },
  { "another status", { status = 200 }, false, "answers with status 503" },
  { "another text", { body = "goodbye" }, false, "answers without 'goodbye'" },
  { "a header is no text of the page", { body = "hidden" }, false, "answers without" },
}
for _, case in ipairs(pages) do
  t.case("check: a page with " .. case[1], function()
    case[2].url = "http://x/"
    local ok, out = page(case[2])
    t.equal(ok, case[3])
    if case[4] then t.truthy(out:find(case[4], 1, true), out) end
  end)
end
for _, attrs in ipairs { {}, { url = "ftp://x" }, { port = 0 }, { url = "http://a b" }, { port = 1, address = "$(x)" } } do
  t.case("check: refuses nonsense", function() t.raises(function() reach.check(attrs) end, "%w") end)
end

local replica = require "neap.types.mysql_replica"
t.case("mysql_replica: its password is only in the standard input", function()
  local change = difference.change(replica, nil, { source = "10.0.0.1", port = 3306, user = "r", running = true,
    read_only = true, password = taint.new("s3cret'\\", "p") })
  local step = replica.steps("x", change)[1]
  t.truthy(taint.is(step.stdin), "a secret")
  t.truthy(not step.run:find("s3cret"), "not in the script")
  local text = taint.reveal(step.stdin)
  t.truthy(text:find("password=\"s3cret'\\\\\"\n", 1, true), text)
  t.truthy(text:find("MASTER_PASSWORD = 's3cret''\\\\'", 1, true), text)
end)
local replicas = {
  { "MariaDB", { Master_Host = "p", Master_Port = "3306", Master_User = "r", Slave_IO_Running = "Yes",
    Slave_SQL_Running = "Yes" }, { { "read_only", "ON" } }, { running = true, read_only = true } },
  { "MySQL, half running", { Source_Host = "p", Source_Port = "3306", Source_User = "r", Replica_IO_Running = "Connecting",
    Replica_SQL_Running = "Yes" }, { { "read_only", "ON" }, { "super_read_only", "OFF" } },
    { running = false, read_only = false } },
}
for _, case in ipairs(replicas) do
  t.case("mysql_replica: found on " .. case[1], function()
    local host = { expect = function() end }
    function host.mysql(_, sql) return { rows = sql:find("REPLICA STATUS") and { case[2] } or case[3] } end
    local found = replica.probe(host)
    t.equal(found, { source = "p", port = 3306, user = "r", running = case[4].running, read_only = case[4].read_only })
  end)
end
t.case("mysql_replica: only read_only is a small step", function()
  local from = { source = "p", port = 3306, user = "r", running = true, read_only = false }
  local change = difference.change(replica, from, { read_only = true })
  t.matches(replica.steps("x", change)[1].title, "as wanted")
end)

t.case("sysctl: what the running kernel had comes back to where it was not ours", function()
  local sysctl = require "neap.types.sysctl"
  local function titles(found, want, first)
    local change = difference.change(sysctl, found, want)
    change.resource = { before = { first = first } }
    local out = {}
    for i, step in ipairs(sysctl.steps("net.x", change)) do out[i] = step.title end
    return out
  end
  local found = { value = "1", persisted = true, running = "1" }
  t.equal(titles(found, { value = "1", persisted = true, running = "0", live = false }), { "set net.x to 0" })
  t.equal(titles(found, nil, { running = "0" }), { "set net.x to 0", "remove /etc/sysctl.d/90-neap-net.x.conf" })
  t.equal(titles(found, nil), { "remove /etc/sysctl.d/90-neap-net.x.conf" })
  local host = { expect = function() end, content = function() return "\nnet.x = 1\n" end, sysctl = function() return "0" end }
  t.equal(sysctl.probe(host, "net.x", { value = "1", live = false }).running, nil)
  t.equal(sysctl.probe(host, "net.x", { value = "1", live = false, running = "1" }).running, "0")
  t.equal(sysctl.probe(host, "net.x", { value = "1" }).running, "0")
  host.content = function() end
  local before = { value = "0", running = "0", boot = false, persisted = false }
  local want = setmetatable({ live = false }, { __index = before })
  t.equal(sysctl.probe(host, "net.x", want), before)
  t.equal({ sysctl.probe(host, "net.x", { value = "0", live = false }) }, {})
end)

-- A kernel and its file: what it would be changed to, and whether that is to be done.
local function parameter(live, said)
  local sysctl = require "neap.types.sysctl"
  local self = { live = live, said = said }
  local host = {
    expect = function() end, sysctl = function() return self.live end,
    content = function() return self.said and ("# x\nnet.x = %s\n"):format(self.said) end,
  }
  function self.found(want) return sysctl.probe(host, "net.x", want) end
  -- Goes to a state; the value `refused` is one that the kernel does not take.
  function self.go(want, refused)
    local change = difference.change(sysctl, self.found(want), want)
    for _, step in ipairs(change and sysctl.steps("net.x", change) or {}) do
      local value = step.title:match("^set net.x to (.*)")
      if value and value == refused then return end
      if value then self.live = value else self.said = step.stdin and step.stdin:match(" = ([^\n]*)\n$") end
    end
  end
  return self
end

local function wanted(value) return require("neap.types.sysctl").check("net.x", { value = value, live = true }) end

-- { what is found while 60 is wanted: the kernel's value, the file's }
for _, case in ipairs {
  { "the kernel has refused another value", "10", "10" }, { "nothing of it is in a file", "10", nil },
  { "the file alone has it", "10", "60" }, { "the kernel alone has it", "60", "10" }, { "all is right", "60", "60" },
  { "the file has something else", "10", "20" },
} do
  t.case("sysctl: recorded as " .. case[1], function()
    local there = parameter(case[2], case[3])
    local seen = there.found(wanted "60")
    seen.running = nil
    local compared = { value = true, persisted = true, boot = true }
    local sysctl = require "neap.types.sysctl"
    t.truthy(difference.same_state(sysctl, there.found(seen), seen, compared), "it does not differ from its record")
    for _, other in ipairs { "10", "20", "60" } do
      t.equal(difference.change(sysctl, there.found(wanted(other)), wanted(other)) == nil,
        case[2] == other and case[3] == other, "whether " .. other .. " is there")
    end
    local differs = difference.change(sysctl, there.found(wanted "60"), wanted "60")
    differs = differs and differs.differs or {}
    t.equal(differs.persisted or false, case[3] ~= "60" and case[2] ~= case[3], "whether the file is said to differ")
    there.go(wanted "70")
    t.equal({ there.live, there.said }, { "70", "70" })
    there.go(seen)
    t.equal({ there.live, there.said }, { case[2], case[3] }, "the way back")
  end)
end

t.case("sysctl: a value that the kernel refuses is in no file, and its record is what is there", function()
  local there = parameter("10", "10")
  there.go(wanted "60", "60")
  t.equal({ there.live, there.said }, { "10", "10" })
  t.equal(there.found(wanted "60"), { value = "10", persisted = true, boot = false, running = "10" })
end)

t.case("sysctl: of what was not there before, there is no file after the way back", function()
  local there = parameter("0", nil)
  local genesis = there.found(wanted "1")
  t.equal(genesis, { value = "0", persisted = false, boot = false, running = "0" })
  there.go(wanted "1")
  there.live = "0" -- somebody else's doing
  there.go(genesis)
  t.equal({ there.live, there.said }, { "0", nil })
end)

t.case("command: one that stays as it is is there; one of which nothing is known is not", function()
  local command = require "neap.types.command"
  t.equal(command.probe({}, "x", {}), {})
  t.equal(command.probe({}, "x", nil, {}), nil)
end)
