-- Packages, services and units, with answers of hosts as data: what dpkg, apt and systemd print, what the types make
-- of it, and which commands follow.
local t = require "harness"
local apt = require "neap.apt"
local ask = require "neap.engine.ask"
local debs = require "neap.debs"
local difference = require "neap.engine.difference"
local Model = require "neap.engine.model"
local json = require "neap.core.json"

local function question(name, out, rc)
  local kind = require("neap.questions." .. name)
  return function(...)
    local list = {}
    for i, args in ipairs { ... } do list[i] = type(args) == "table" and args or { args } end
    return kind.parse({ rc = rc or 0, out = out, err = "" }, list)
  end
end

local DPKG = "nginx amd64 install installed 1.22.1-9\nlibc6 i386 install installed 2.36-8\n"
  .. "libc6 amd64 hold installed 2.36-9\nold all deinstall config-files 1\nnever all unknown not-installed \n"
t.case("package: dpkg's words", function()
  local answers = question("package", DPKG, 1)("nginx", "libc6:amd64", "old", "never", "unheard")
  t.equal(answers[1], { version = "1.22.1-9", status = "installed", hold = false })
  t.equal(answers[2], { version = "2.36-9", status = "installed", hold = true })
  t.equal(answers[3].status, "config-files")
  t.equal({ answers[4], answers[5] }, {})
end)
t.case("package: no dpkg is an error, not an absence", function()
  t.raises(function() question("package", "", 3)("nginx") end, "could not answer")
end)

local function show(id, load, active, enabled)
  return ("Id=%s\nLoadState=%s\nActiveState=%s\nUnitFileState=%s\nCanReload=yes\nNeedDaemonReload=no\n")
    :format(id, load, active, enabled)
end
t.case("unit: systemd's words, in order", function()
  local out = show("a.service", "loaded", "active", "enabled") .. "\n" .. show("b.service", "not-found", "inactive", "")
    .. "\n" .. show("c.service", "masked", "inactive", "masked")
  local answers = question("unit", out)("a.service", "b.service", "c.service")
  t.equal(answers[1], { load = "loaded", active = "active", enabled = "enabled", reloads = true, stale = false })
  t.equal(answers[2], nil)
  t.equal(answers[3].load, "masked")
end)
t.case("unit: what starts at boot behind a mask", function()
  local out = "linked b.service\n--\n" .. show("a.service", "masked", "inactive", "masked") .. "\n" ..
    show("b.service", "masked", "inactive", "masked")
  local answers = question("unit", out)("a.service", "b.service")
  t.equal({ answers[1].linked, answers[2].linked }, { nil, true })
end)
t.case("unit: an answer cut short is an error", function()
  t.raises(function() question("unit", show("a.service", "loaded", "active", "enabled"))("a.service", "b.service") end,
    "1 units of 2")
end)
t.case("unit: a template is asked for by name, and for its instances' sake", function()
  local out = "linked x@1.service\ntemplate disabled yes x@.service\ntemplate   y@.service\ntemplate not-found  z@.service\n"
    .. "--\n" .. show("x@1.service", "loaded", "active", "enabled")
  local answers = question("unit", out)("x@.service", "x@1.service", "y@.service", "z@.service")
  t.equal(answers[1], { load = "loaded", active = "inactive", enabled = "disabled", reloads = false, stale = true })
  t.equal({ answers[2].active, answers[2].linked }, { "active", true })
  t.equal({ answers[3], answers[4] }, {})
  t.equal(question("unit", "template static no y@.service\n--\n")("y@.service")[1].enabled, "static")
end)
t.case("pending: marks by escaped names", function()
  local answers = question("pending", "restart\tservice:a%2Fb%25\nreload\tservice:x\n")("service:a/b%", "service:x", "y")
  t.equal(answers, { "restart", "reload" })
end)

t.case("installed: the first of each list", function()
  local answers = question("installed", "#\nb installed\na installed\n#\nc config-files\n#\n")(
    { "a", "b" }, { "c" }, { "d" })
  t.equal(answers, { "a" })
end)

t.case("candidate: the first that is offered", function()
  local policy = "mysql-server:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
    .. "mariadb-server:\n  Installed: (none)\n  Candidate: 1:10.11\n  Version table:\n     1:10.11 500\n"
  local two = { "mysql-server", "mariadb-server" }
  t.equal(question("candidate", "#\n" .. policy)(two), { "mariadb-server" })
  t.equal(question("candidate", "#\n")(two), {})
end)

local APT = [[
Reading package lists...
The following additional packages will be installed:
   nginx-common (1.22.1-9)
Suggested packages:
   fcgiwrap (1.1)
The following packages will be REMOVED:
   apache2* (2.4.1)
The following NEW packages will be installed:
   nginx (1.22.1-9)
   nginx-common (1.22.1-9)
   foo:i386 (1:2~3)
The following packages will be upgraded:
   base-files (12.4 => 12.5)
The following packages will be DOWNGRADED:
   bar (2 => 1)
1 upgraded, 3 newly installed, 1 downgraded, 1 to remove and 0 not upgraded.
]]
t.case("apt: what it says that it will do", function()
  local found = apt.parse(APT)
  t.equal(found.new, { { name = "nginx", version = "1.22.1-9" }, { name = "nginx-common", version = "1.22.1-9" },
    { name = "foo:i386", version = "1:2~3" } })
  t.equal(found.removed, { { name = "apache2", version = "2.4.1" } })
  t.equal(found.upgraded, { { name = "base-files", version = "12.5", was = "12.4" } })
  t.equal(found.downgraded, { { name = "bar", version = "1", was = "2" } })
end)
t.case("apt: why it refuses", function()
  t.equal(apt.complaint("Reading...\nE: Unable to locate package nosuch\n"),
    "no package source of the host has a package 'nosuch'")
  local virtual = "Reading...\nPackage awk is a virtual package provided by:\n  mawk 1.3\n  gawk 1:5.2.1-2\n\n"
  t.equal(apt.complaint(virtual .. "E: Package 'awk' has no installation candidate\n"),
    "'awk' is a virtual package: name one that provides it, of gawk, mawk")
  t.equal(apt.complaint("Package x is not available, but is referred to by another package.\n"
    .. "E: Package 'x' has no installation candidate\n"), "no package source of the host has a package 'x'")
  t.matches(apt.complaint("The following packages have unmet dependencies:\n" .. (" a : Depends: b\n"):rep(9) .. "E: x\n"),
    "b; and 5 more; x$")
  t.equal(apt.complaint("The following packages have unmet dependencies:\n a : Depends: b (>= 2)\nE: held broken\n"),
    "a : Depends: b (>= 2); held broken")
end)

-- What the question `apt` reads from the host: two packages, one with a listing.
local REPLY = "#group 1\n" .. APT .. "#packages\n" .. table.concat({
  "B", "C\t/etc/nginx/nginx.conf", "L", "N\tnginx-common", "V\t1.22.1-9", "D\t/etc/nginx", "U\tnginx.service",
  "S\t    logdir=\"/var/log/nginx\"",
  "S\t      ln -s /etc/nginx/sites-available/default /etc/nginx/sites-enabled/default",
  "S\t      mkdir -p ${logdir}/old", "S\tchown root:adm $logdir/old", "S\tchmod 750 $logdir/old",
  "S\tadduser --system --group --home /nonexistent web >/dev/null",
  "S\tdeb-systemd-helper enable 'nginx.service' >/dev/null || true",
  "S\t  deb-systemd-invoke $_dh_action 'nginx.service' >/dev/null || true",
  "B", "N\tother", "V\t1", "U\tother.service",
  "S\t if deb-systemd-helper debian-installed 'other.service'; then",
  "S\t  if deb-systemd-helper --quiet was-enabled 'other.service'; then",
  "S\t   deb-systemd-helper enable 'other.service' >/dev/null || true",
  "S\t   deb-systemd-invoke try-restart 'other.service' >/dev/null || true",
  "B", "N\tleft", "R\tleft", "V\t2", "C\t/etc/left/gone", "O\t/etc/left/gone", "U\tagain.service\tyes",
  "U\toff.service\tno", "U\tof@one.service\tlinked",
  "S\t deb-systemd-helper debian-installed 'again.service'", "S\t deb-systemd-helper enable 'again.service'",
  "S\t deb-systemd-helper enable 'off.service'", "S\t deb-systemd-invoke start 'off.service'",
  "S\t ln -s a /etc/left/link", "#deb 1",
  "T\tdrwxr-sr-t\troot/adm\t0\t/etc/nginx/sites-enabled\t", "T\t-rw-r-----\troot/root\t4\t/etc/nginx/nginx.conf\t",
  "T\t-rw-r--r--\troot/root\t9\t/etc/nginx/sites-available/default\t",
  "K\t/etc/nginx/nginx.conf\tYWJj",
}, "\n") .. "\n"

local function predict(asked, known, managed)
  local answer = question("apt", REPLY) "x"[1]
  local edits = debs.predict(answer.debs, asked, {
    answer = function(kind, ...) return known and known[kind .. " " .. table.concat({ ... }, " ")] end,
    managed = function(unit) return managed and managed[unit] end,
  })
  local by_name = {}
  for _, edit in ipairs(edits) do by_name[edit.kind .. " " .. table.concat(edit.args, " ")] = edit end
  return by_name
end

local predictions = {
  { "a directory, as packed", { stat = { { "/etc/nginx/sites-enabled" } } }, "stat /etc/nginx/sites-enabled",
    { kind = "directory", mode = "3755", owner = "root", group = "adm", size = 0 } },
  { "a directory above a file", { stat = { { "/etc/nginx" } } }, "stat /etc/nginx",
    { kind = "directory", mode = "0755", owner = "root", group = "root" } },
  { "a configuration file", { stat = { { "/etc/nginx/nginx.conf" } } }, "stat /etc/nginx/nginx.conf",
    { kind = "file", mode = "0640", owner = "root", group = "root", size = 4 } },
  { "its content", { stat = { { "/etc/nginx/nginx.conf" } } }, "content /etc/nginx/nginx.conf", "abc" },
  { "a link that the set-up makes", { stat = { { "/etc/nginx/sites-enabled/default" } } },
    "stat /etc/nginx/sites-enabled/default",
    { kind = "symlink", mode = "0777", owner = "root", group = "root", target = "/etc/nginx/sites-available/default" } },
  { "a directory that the set-up makes and gives away", { stat = { { "/var/log/nginx/old" } } }, "stat /var/log/nginx/old",
    { kind = "directory", mode = "0750", owner = "root", group = "adm" } },
  { "what a directory will hold", { list = { { "/etc/nginx/sites-enabled" } } }, "list /etc/nginx/sites-enabled",
    { "default" } },
  { "a unit", { unit = { { "nginx.service" } } }, "unit nginx.service",
    { load = "loaded", active = "active", enabled = "enabled", reloads = true, stale = false } },
  { "a unit that only an upgrade enables", { unit = { { "other.service" } } }, "unit other.service",
    { load = "loaded", active = "inactive", enabled = "disabled", reloads = true, stale = false } },
  { "a unit that was enabled when its package went", { unit = { { "again.service" } } }, "unit again.service",
    { load = "loaded", active = "inactive", enabled = "enabled", reloads = true, stale = false } },
  { "a unit that was disabled then", { unit = { { "off.service" } } }, "unit off.service",
    { load = "loaded", active = "inactive", enabled = "disabled", reloads = true, stale = false } },
  { "an instance that a link enables", { unit = { { "of@one.service" } } }, "unit of@one.service",
    { load = "loaded", active = "inactive", enabled = "enabled", reloads = true, stale = false } },
  { "a configuration file that was deleted", { stat = { { "/etc/left/gone" } } }, "stat /etc/left/gone", nil },
  { "nothing that was not asked", { stat = { { "/srv" } } }, "stat /srv", nil },
}
for _, case in ipairs(predictions) do
  t.case("predicts " .. case[1], function()
    local edit = predict(case[2])[case[3]]
    t.equal(edit and edit.answer, case[4])
    t.truthy(not (edit and edit.why), "certainty")
  end)
end
t.case("predicts that a service of ours is not started", function()
  local edits = predict({ unit = { { "nginx.service" } } }, nil, { ["nginx.service"] = true })
  t.equal(edits["unit nginx.service"].answer.active, "inactive")
end)
t.case("predicts that what outlived its package goes on", function()
  local known = { ["unit of@one.service"] = { load = "loaded", active = "active", enabled = "bad" } }
  local found = predict({ unit = { { "of@one.service" } } }, known)["unit of@one.service"].answer
  t.equal({ found.load, found.active, found.enabled }, { "loaded", "active", "enabled" })
end)
t.case("predicts that a configuration file that is there stays", function()
  local known = { ["stat /etc/nginx/nginx.conf"] = { kind = "file" } }
  t.equal(predict({ stat = { { "/etc/nginx/nginx.conf" } } }, known), {})
end)
t.case("says that what a set-up makes at a first installation may not be made at a later one", function()
  t.matches(predict({ stat = { { "/etc/left/link" } } })["stat /etc/left/link"].why, "set%-up of package 'left'")
end)
t.case("says why a user cannot be known", function()
  t.matches(predict({ getent = { { "passwd", "web" } } })["getent passwd web"].why, "nginx%-common")
end)

-- Probes: { name, type, key, what the host answers, wanted, found or the error }
local function host_of(answers)
  local ran = {}
  local conn = {}
  function conn.requests() error("asked the host", 0) end
  local round = ask.new(conn, {})
  for question_, answer in pairs(answers) do
    local kind, arg = question_:match("^(%S+) (.*)$")
    round.answers[kind] = round.answers[kind] or {}
    round.answers[kind][arg] = { answer = answer or nil }
  end
  return round, ran
end

local function probe(case)
  local rtype = require("neap.types." .. case[2])
  local job = { run = function(host) return rtype.probe(host, case[3], case[5]) end }
  host_of(case[4]):run { job }
  return job, rtype
end

local RUNS = { load = "loaded", active = "active", enabled = "enabled" }
local STOPPED = { load = "loaded", active = "failed", enabled = "disabled" }
local probes = {
  { "package: there", "package", "nginx", { ["package nginx"] = { version = "1", status = "installed", hold = false } },
    {}, { version = "1", hold = false } },
  { "package: not there", "package", "nginx", { ["package nginx"] = false }, {}, nil },
  { "package: removed, its configuration left", "package", "x",
    { ["package x"] = { version = "1", status = "config-files" } }, {}, nil },
  { "package: half installed is to be installed", "package", "x",
    { ["package x"] = { version = "1", status = "half-configured" } }, {}, nil },
  { "package: half installed is to be removed", "package", "x",
    { ["package x"] = { version = "1", status = "unpacked", hold = false } }, nil, { version = "1", hold = false } },
  { "service: runs", "service", "nginx", { ["unit nginx.service"] = RUNS }, { running = true },
    { running = true, enabled = true, masked = false } },
  { "service: failed", "service", "x.timer", { ["unit x.timer"] = STOPPED }, { running = true },
    { running = false, enabled = false, masked = false } },
  { "service: a dot makes no kind of unit", "service", "x@a.b", { ["unit x@a.b.service"] = RUNS }, { running = true },
    { running = true, enabled = true, masked = false } },
  { "service: masked", "service", "x", { ["unit x.service"] = { load = "masked", active = "inactive", enabled = "masked" } },
    { masked = true }, { running = false, enabled = false, masked = true } },
  { "service: masked, and starts at boot without the mask", "service", "x",
    { ["unit x.service"] = { load = "masked", active = "inactive", enabled = "masked", linked = true } }, nil,
    { running = false, enabled = true, masked = true } },
  { "service: static is as wanted", "service", "x", { ["unit x.service"] = { load = "loaded", active = "active",
    enabled = "static" } }, { enabled = true }, { running = true, enabled = true, masked = false } },
  { "service: none, but it is only to be stopped", "service", "x", { ["unit x.service"] = false }, { running = false },
    { running = false, enabled = false, masked = false } },
  { "service: an instance of a template that is there by then", "service", "x@1",
    { ["unit x@1.service"] = false, ["unit x@.service"] = { load = "loaded", active = "inactive", enabled = "disabled" } },
    { enabled = true }, { running = false, enabled = false, masked = false } },
  { "service: an instance of none", "service", "x@1", { ["unit x@1.service"] = false, ["unit x@.service"] = false },
    { running = true }, error = "unit 'x@1.service' does not exist" },
  { "service: none", "service", "x", { ["unit x.service"] = false }, { running = true },
    error = "unit 'x.service' does not exist" },
}
for _, case in ipairs(probes) do
  t.case(case[1], function()
    local job = probe(case)
    if case.error then return t.matches(job.error, case.error) end
    t.equal({ job.found, job.error, job.unknown }, { case[6] })
  end)
end

t.case("service: what somebody has masked is not started, and the plan says so", function()
  local service = require "neap.types.service"
  local place
  local function foresee(found, want, trigger)
    local host = { stat = function() return place end }
    local change = difference.change(service, found, want) or { kind = "update", from = found, to = found, differs = {} }
    change.trigger = trigger
    local ok, problem = pcall(service.foresee, host, "x", change)
    return ok or tostring(problem)
  end
  local down, up = { masked = true, running = false }, { masked = true, running = true }
  t.matches(foresee(down, { running = true }), "'x.service' is masked, and so there is no start: say masked = false")
  t.matches(foresee(up, { running = true }, "restart"), "there is no restart")
  t.equal({ foresee(down, { running = true, masked = false }), foresee(up, { running = false }) }, { true, true })
  t.equal(foresee({ masked = false, running = true }, { masked = true }, "restart"), true)
  place = { kind = "file" }
  t.matches(foresee({ masked = false }, { masked = true }), "cannot mask 'x.service', whose file is in /etc/systemd/system")
  t.equal({ foresee(down, { masked = true, enabled = false }), foresee(down, { masked = false }) }, { true, true })
end)
t.case("package: asked before all else, so that a transaction that goes on is over", function()
  local sent
  local conn = { requests = function(_, list)
    sent = list
    local replies = {}
    for i, request in ipairs(list) do
      replies[i] = { rc = 0, err = "", out = request.script:find("dpkg") and DPKG or show("x.service", "loaded", "active", "") }
    end
    return replies
  end }
  ask.new(conn, {}):run {
    { run = function(host) return host:unit("x.service") end }, { run = function(host) return host:package("nginx") end },
  }
  t.matches(sent[1].script, "exec 8</var/cache/neap/apt/lock%s+flock .*dpkg%-query")
  t.matches(sent[2].script, "systemctl show")
end)

-- Steps: { name, type, key, found, wanted, trigger, patterns in order that the steps must have, absent = pattern }
local steps = {
  { "service: started once, though a reload is due", "service", "nginx", { running = false, enabled = true },
    { running = true, enabled = true }, "reload", "systemctl start nginx.service", absent = "reload" },
  { "service: enabled and started", "service", "nginx", { running = false, enabled = false },
    { running = true, enabled = true }, nil, "enable nginx.service.*systemctl start nginx.service" },
  { "service: reloaded when it runs", "service", "nginx", { running = true }, { running = true }, "reload",
    "systemctl reload%-or%-restart nginx.service" },
  { "service: restarted when it runs", "service", "nginx", { running = true }, { running = true }, "restart",
    "systemctl restart nginx.service" },
  { "service: a restart of one that is down does nothing", "service", "nginx", { running = false }, { enabled = false },
    "restart", "", absent = "restart nginx" },
  { "service: unmasked before it starts", "service", "x", { running = false, masked = true },
    { running = true, masked = false }, nil, "unmask x.service.*start x.service" },
  { "service: masked and stopped", "service", "x", { running = true, masked = false }, { masked = true }, nil,
    "mask %-%-now x.service" },
  { "service: enabled behind its mask", "service", "x", { masked = true, enabled = false, running = false },
    { masked = true, enabled = true, running = false }, nil, "unmask x.service.*enable x.service.*mask %-%-now x.service" },
  { "service: a way back starts it behind its mask", "service", "x", { masked = true, running = false },
    { masked = true, running = true }, nil, "unmask x.service.*start x.service.*mask x.service" },
  { "service: restarted behind its mask", "service", "x", { masked = true, running = true },
    { masked = true, running = true }, "restart", "unmask x.service.*restart x.service.*mask x.service" },
  { "systemd_unit: written, then read by systemd", "systemd_unit", "a.service", nil, { content = "x" }, nil,
    "enter /etc/systemd/system.*daemon%-reload" },
  { "systemd_unit: a drop-in makes its directory", "systemd_unit", "a.service.d/b.conf", nil, { content = "x" }, nil,
    "mkdir %-p /etc/systemd/system/a.service.d.*daemon%-reload" },
}
local function text_of(list)
  local parts = {}
  for i, step in ipairs(list) do parts[i] = type(step) == "table" and step.run or step end
  return table.concat(parts, "\n")
end
for _, case in ipairs(steps) do
  t.case(case[1], function()
    local rtype = require("neap.types." .. case[2])
    local change = difference.change(rtype, case[4], case[5]) or { kind = "update", from = case[4], to = case[4], differs = {} }
    change.trigger = case[6]
    local text = text_of(rtype.steps(case[3], change, {}))
    t.matches(text, case[7])
    if case.absent then t.truthy(not text:find(case.absent), "no '" .. case.absent .. "' in " .. text) end
  end)
end

-- A plan's transaction, from apt's answer as data.
local package = require "neap.types.package"
local function change_of(name, from, to, absent)
  local attrs = to or {}
  local change = difference.change(package, from, not absent and attrs or nil)
  change.resource, change.notes = { key = name, attrs = attrs }, {}
  return change
end
local function simulate(changes, transaction, asked, before)
  local model, spec = before or Model.new(), nil
  local host = setmetatable({}, { __index = function(_, kind)
    return function(_, arg)
      if kind ~= "apt" then return nil end
      spec = json.decode(arg)
      local whole = { new = {}, upgraded = {}, removed = {}, downgraded = {}, held = {} }
      for name, list in pairs(transaction) do whole[name] = list end
      return { groups = { whole }, debs = {} }
    end
  end })
  local notes, problem = package.simulate(host, changes, asked or {}, model)
  return notes, problem, model, spec
end

t.case("package: the plan promises versions and names what comes along", function()
  local change = change_of("nginx", nil, {})
  local notes, _, model, spec = simulate({ change }, {
    new = { { name = "nginx", version = "1.2" }, { name = "nginx-common", version = "1.2" } },
    upgraded = { { name = "libc6", was = "1", version = "2" } } })
  t.equal(notes, { "brings package nginx-common 1.2" })
  t.equal(change.notes, { "with 1 more package: nginx-common", "upgrades package libc6 1 → 2" })
  t.equal(change.to.version, "1.2")
  t.equal(change.resource.attrs, {})
  t.equal(model:edit("package", "nginx-common").answer.version, "1.2")
  t.equal(spec.groups, { { install = { { name = "nginx" } }, remove = {}, recommends = false } })
  t.matches(package.steps_batch({ change }, {})[1].run, "transact %-%-no%-install%-recommends install 'nginx=1.2'\n")
end)
t.case("package: what nobody asked to remove is an error", function()
  local _, problem = simulate({ change_of("mysql-server", nil, {}) }, {
    new = { { name = "mysql-server", version = "9" } }, removed = { { name = "mariadb-server", version = "10" } } })
  t.matches(problem, "would remove 'mariadb%-server', which nobody asked for")
end)
t.case("package: the resource that apt complains of is blamed", function()
  local changes = { change_of("nginx", nil, {}), change_of("g++", nil, {}) }
  local host = { apt = function() return { problem = "no package source of the host has a package 'g++'" } end }
  local _, _, culprit = package.simulate(host, changes, {}, Model.new())
  t.equal(culprit.resource.key, "g++")
end)
t.case("package: what was asked to go may go", function()
  local _, problem = simulate({ change_of("apache2", { version = "2" }, nil, true) }, {
    removed = { { name = "apache2", version = "2" } } })
  t.equal(problem, nil)
end)
t.case("package: what an earlier transaction takes away is away by then", function()
  local model = Model.new()
  model:set("package", { "apache2" }, nil)
  local change = change_of("apache2-common", { version = "2" }, nil, true)
  local _, problem, _, spec = simulate({ change }, {
    removed = { { name = "apache2", version = "2" }, { name = "apache2-common", version = "2" } },
    held = { { name = "apache2", version = "2" } } }, nil, model)
  t.equal(problem, nil)
  t.equal(spec.groups[1].remove, { "apache2-common", "apache2" }) -- it may be held, and then apt asks for it by name
  t.equal(package.steps_batch({ change }, {})[1].title, "packages: -apache2-common")
end)
t.case("package: one that an earlier transaction takes away may come again", function()
  local model = Model.new()
  model:set("package", { "apache2" }, nil)
  local _, _, _, spec = simulate({ change_of("apache2", nil, {}) }, { new = { { name = "apache2", version = "2" } } }, nil, model)
  t.equal(spec.groups, { { install = { { name = "apache2" } }, remove = {}, recommends = false } })
end)

-- ---- what we hang on ----

local USES = { ["openssh-server"] = "/usr/sbin/sshd", sudo = "/usr/bin/sudo" }

-- What comes of a transaction on a host that we reach through USES: why not, and whose fault it is.
local function refusal(changes, transaction)
  local whole = { new = {}, upgraded = {}, removed = {}, downgraded = {}, held = {} }
  for kind, list in pairs(transaction) do whole[kind] = list end
  local host = {
    apt = function() return { groups = { whole }, debs = {} } end, lifeline = function() return USES end,
    unneeded = function() return { "openssh-server", "libfoo" } end,
  }
  local notes, problem, culprit = package.simulate(host, changes, {}, Model.new())
  return problem, culprit and culprit.resource.key, notes
end
local function removal(name, meta)
  local change = change_of(name, { version = "2" }, nil, true)
  change.resource.meta = meta or {}
  return change
end

t.case("package: the one that we reach the host through is not removed", function()
  local problem, culprit = refusal({ removal "apache2", removal "sudo" },
    { removed = { { name = "apache2", version = "2" }, { name = "sudo", version = "1" } } })
  t.equal(problem, "'sudo' would be removed, and Neap reaches this host through it (/usr/bin/sudo): make another way in "
    .. "first, or say guard = false on it")
  t.equal(culprit, "sudo")
end)
t.case("package: nor with another that is asked for, of whatever architecture", function()
  local changes = { removal "openssh-server:amd64" }
  t.matches(refusal(changes, { removed = { { name = "openssh-server:amd64", version = "1" } } }), "^'openssh%-server' would")
end)
t.case("package: nor is an older one put in its place", function()
  local change = change_of("openssh-server", { version = "2" }, { version = "1" })
  change.resource.meta = {}
  local transaction = { downgraded = { { name = "openssh-server", version = "1", was = "2" } } }
  t.matches(refusal({ change }, transaction), "would be replaced by an older one, and Neap reaches this host through it")
  change.resource.back = {}
  t.equal((refusal({ change }, transaction)), nil)
end)
t.case("package: unless that is said", function()
  t.equal((refusal({ removal("sudo", { guard = false }) }, { removed = { { name = "sudo", version = "1" } } })), nil)
end)
t.case("package: a way back leaves it where it is, and does not take it along", function()
  local look = package.rollback.look
  local host = { lifeline = function() return USES end }
  t.equal(look(host, "sudo", removal "sudo", {}), { stays = "Neap reaches this host through it (/usr/bin/sudo)" })
  t.equal(look(host, "apache2", removal "apache2", {}), nil)
  local change = removal "apache2"
  change.resource.back = { brought = { package = { "openssh-server", "libfoo" } } }
  refusal({ change }, {})
  t.equal(change.brings, { libfoo = false })
end)
t.case("lifeline: what the host says of its processes", function()
  local answers = question("lifeline", "openssh-server\t/usr/sbin/sshd\nlibc6:i386, libc6:amd64\t/lib/x\nnonsense\n")("")
  t.equal(answers[1], { ["openssh-server"] = "/usr/sbin/sshd", libc6 = "/lib/x" })
end)

t.case("package: only some with what they recommend are two transactions", function()
  local run = package.steps_batch({ change_of("a", nil, {}), change_of("b", nil, { recommends = true }) }, {})[1].run
  t.matches(run, "transact %-%-no%-install%-recommends install a\ntransact %-%-install%-recommends install b\n")
end)
t.case("package: a hold alone asks nothing of apt", function()
  local change = change_of("a", { version = "1", hold = false }, { hold = true })
  t.equal(simulate({ change }, {}), {})
  local run = package.steps_batch({ change }, {})[1].run
  t.matches(run, "apt%-mark hold a")
  t.truthy(not run:find("\ntransact "), "no transaction")
end)
t.case("package: services that Neap starts are kept from starting", function()
  local run = package.steps_batch({ change_of("a", nil, {}) }, { units = { "a.service", "b.socket" } })[1].run
  t.matches(run, "UNITS='a.service b.socket'\n")
end)
t.case("package: names are names", function()
  for _, name in ipairs { "-y", "A", "x y", "nginx*", "a/b", "" } do
    t.raises(function() package.check(name, {}) end, "no name of a package")
  end
  t.raises(function() package.check("ab", { version = "1;x" }) end, "no version")
end)
t.case("package: a version with a star is any that begins so", function()
  t.truthy(package.equal.version("1:10.11.9", "1:10.11*"))
  t.truthy(not package.equal.version("1:10.1", "1:10.11*"))
end)

-- On a way back.
local MADISON = "     probe |        2.0 | copy:/srv/source ./ Packages\n     probe |        1.0 | copy:/srv/source ./ Packages\n"
  .. "nginx | 1.22.1-9 | http://mirror/debian bookworm/main amd64 Packages\n"
local versions = require "neap.questions.offered"
local function offered(...)
  local list = {}
  for i, name in ipairs { ... } do list[i] = { name, "{}" } end
  return versions.parse({ rc = 0, out = "#1\n" .. MADISON, err = "" }, list)
end
t.case("offered: what apt-cache says, in columns", function()
  t.equal(offered("probe", "nginx:amd64", "none"), { { "2.0", "1.0" }, { "1.22.1-9" }, {} })
end)
t.case("offered: by the sources that there will be", function()
  local list = { { "probe", "{}" }, { "probe", '{"x.sources":"Types: deb\\n"}' }, { "nginx", "{}" } }
  local text = versions.script(list)
  t.matches(text, "madison probe nginx\n.*parts=$D/sources.*madison probe\n")
  t.equal(versions.parse({ rc = 0, out = "#1\n probe | 1.0 | x\n#2\n probe | 2.0 | x\n", err = "" }, list),
    { { "1.0" }, { "2.0" }, {} })
end)

local function back_to(key, version, from, back)
  local attrs = { version = version, hold = false }
  local change = difference.change(package, from and { version = from, hold = false }, attrs)
  change.resource = { key = key, attrs = attrs }
  local host = { offered = function(_, name) return offered(name)[1] end }
  return package.rollback.look(host, key, change, back or {}, Model.new())
end

t.case("package: a version that a source has is possible", function()
  t.matches(back_to("probe", "1.0", "2.0").note, "^possible: a package source has 1.0")
  t.equal(back_to("probe", "1.0").note, nil)
end)
t.case("package: one that no source has needs an archive, or is let be", function()
  t.matches(back_to("probe", "0.9", "2.0").archive, "no package source of the host has version 0.9 %(there: 2.0, 1.0%)")
  t.equal(back_to("probe", "0.9", "2.0", { keep_versions = true }).instead, { hold = false })
end)
t.case("package: another series of a database server is a barrier", function()
  MADISON = "mariadb-server | 1:10.11.6-0 | x\nmariadb-server | 1:11.4.3-1 | x\n"
  local verdict = back_to("mariadb-server", "1:10.11.6-0", "1:11.4.3-1")
  t.truthy(verdict.data)
  t.matches(verdict.barrier, "changes from 11.4 to 10.11")
  t.equal(back_to("mariadb-server", "1:10.11.6-0", "1:10.11.9-0").barrier, nil)
end)
t.case("package: what came along goes along, where nothing else needs it", function()
  local package_back = require "neap.package_back"
  local change = { kind = "delete", resource = { key = "nginx", back = { brought = { package = { "nginx-common", "gawk" } } } } }
  local host = { lifeline = function() end, unneeded = function(_, names) t.equal(names, "nginx") return { "nginx-common", "libfoo" } end }
  t.equal(package_back.take_along(host, { change }, Model.new()), { "nginx-common" })
end)
t.case("package: what came along once and is to go by itself does not go along", function()
  local package_back = require "neap.package_back"
  local function goes(key) return { kind = "delete", resource = { key = key, back = { brought = { package = { "gawk" } } } } } end
  local host = { lifeline = function() end, unneeded = function(_, _, names) return names == "" and {} or { "gawk" } end }
  t.equal(package_back.take_along(host, { goes "gawk", goes "nginx" }, Model.new()), {})
end)
t.case("package: what comes back at the same time still needs what it needs", function()
  local package_back = require "neap.package_back"
  local goes = { kind = "delete", resource = { key = "nginx", back = { brought = { package = { "libfoo" } } } } }
  local words
  local host = { lifeline = function() end, unneeded = function(_, ...) words = { ... } return {} end }
  package_back.take_along(host, { goes, { kind = "create", resource = { key = "haproxy" } } }, Model.new())
  t.equal(words, { "nginx", "libfoo", "haproxy" })
end)
t.case("package: what a later transaction needs is not taken along to come again", function()
  local package_back = require "neap.package_back"
  local back = { brought = { package = { "libfoo" } }, staying = { package = { "squid", "haproxy" } } }
  local words
  local host = { lifeline = function() end, unneeded = function(_, ...) words = { ... } return {} end }
  package_back.take_along(host, { { kind = "delete", resource = { key = "nginx", back = back } } }, Model.new())
  t.equal(words, { "nginx", "libfoo", "haproxy squid" })
end)
t.case("unneeded: of what is to be there then, what can be had now counts", function()
  local functions = require("neap.questions.unneeded").script({}):gsub("'", "'\\''"):match("\n(can_come%(%).-\n)without%(%)")
  local other = 'apt_get() { case "$*" in *" later"*) return 1 ;; esac; }\n'
  local pipe <close> = assert(io.popen("sh -c '" .. other .. functions .. "possible app tool; possible app later tool'"))
  t.equal(pipe:read("a"), "app\ntool\napp\ntool\n")
end)
t.case("package: what two transactions needed goes with the second", function()
  local package_back = require "neap.package_back"
  local change = { kind = "delete", resource = { key = "nginx", back = { brought = { package = { "common" } } } } }
  local model = Model.new()
  model:set("package", { "haproxy" }, nil)
  local host = { lifeline = function() end, unneeded = function(_, names) return names == "haproxy nginx" and { "common" } or {} end }
  t.equal(package_back.take_along(host, { change }, model), { "common" })
end)
t.case("needed: which cannot go", function()
  t.equal(question("needed", "#1\ngawk\n#2\n")({ "gawk nginx", "mawk", "{}" }, { "nginx", "mawk", "{}" }), { { "gawk" }, {} })
end)
-- The question with another apt: { what, what apt-get says, the packages that are there, those that cannot go }
for _, case in ipairs {
  { "the other goes with it", '*lib-*) echo "Remv app [1.0]" ;;', "app", "lib" },
  { "apt refuses", "*lib-*) return 1 ;;", "app", "lib" },
  { "none is", "", "app", "" },
  { "another cannot be had yet", '*later*) return 1 ;; *lib-*) echo "Remv app [1.0]" ;;', "app", "lib" },
  { "none of the others is there or can be had", "*) return 1 ;;", "", "" },
} do
  t.case("needed: " .. case[1], function()
    local functions, calls = require("neap.questions.needed").script { { "lib tool", "app later", "{}" } }
      :match("\n(could%(%).-\n)(printf '#.*)$")
    local file = os.tmpname()
    local f <close> = assert(io.open(file, "w"))
    f:write(('apt_get() { case "$*" in %s esac; }\n%sthere() { echo %s; }\n%s'):format(case[2], functions, case[3], calls))
    f:close()
    local pipe <close> = assert(io.popen("sh " .. file))
    t.equal(pipe:read("a"), "#1\n" .. case[4] .. (case[4] ~= "" and "\n" or ""))
    os.remove(file)
  end)
end
t.case("package: one that goes stays where one that is to be there needs it", function()
  local package_back = require "neap.package_back"
  local asked
  local host = { lifeline = function() return {} end, needed = function(_, ...) asked = { ... } return { "lib" } end }
  local back = { leaving = { package = { "lib", "tool" } }, staying = { package = { "app" } } }
  local function verdict(key)
    return package_back.look(host, key, { kind = "delete", resource = {} }, back, Model.new())
  end
  t.equal(verdict "lib", { stays = "packages that are to be there need it", keeps = true })
  t.equal({ verdict "tool", asked }, { nil, { "lib tool", "app", "{}" } })
  local held = package_back.look(host, "lib", { kind = "delete", from = { hold = true }, resource = {} }, back, Model.new())
  t.equal({ held.instead, held.keeps }, { { hold = false }, true })
end)

-- { what is said, its one name, the unit }
for _, case in ipairs {
  { "x", "x", "x.service" }, { "x.service", "x", "x.service" }, { "app.v2.service", "app.v2", "app.v2.service" },
  { "x@a.b.service", "x@a.b", "x@a.b.service" }, { "x.timer", "x.timer", "x.timer" },
  { "x.timer.service", "x.timer.service", "x.timer.service" }, { ".service", ".service", ".service" },
} do
  t.case("service: one name for one unit: " .. case[1], function()
    local service = require "neap.types.service"
    local key = service.check_key(case[1])
    t.equal({ key, service.unit(key) }, { case[2], case[3] })
  end)
end
