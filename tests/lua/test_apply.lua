local t = require "harness"
local taint = require "neap.core.taint"
local fake = require "fake_host"
local apply = require "neap.engine.apply"
local outside = require "neap.engine.outside"
local plan = require "neap.engine.plan"

local resource, desired = fake.resource, fake.desired

local function hooks(extra)
  local h = {
    journal = function() return "" end, progress = function() end, wait = function() end,
    interrupted = function() return false end,
  }
  for k, v in pairs(extra or {}) do h[k] = v end
  return h
end

-- Plans, lets `between` meddle, applies.
local function run(host, list, between, extra)
  local planned = plan.host(host.round(), desired(list))
  if between then between(host) end
  local result = apply.host({ conn = host.conn, facts = {}, plan = planned }, hooks(extra))
  return result, planned
end

local function steps(host)
  local list = {}
  for _, line in ipairs(host.log) do if not line:match("^mkdir") then list[#list + 1] = line end end
  return list
end

local watcher = resource("d", { size = 0 }, { restart_on = { "thing:a" } }, fake.daemon)

t.case("the plan's steps are carried out, and no others", function()
  local host = fake.new { b = { size = 9 }, c = { size = 1 } }
  local result = run(host, { resource("a", { size = 1 }), resource("b"), resource("c", { size = 1 }) })
  t.equal(result.failure, nil)
  t.equal(steps(host), { "set a 1", "del b" })
  t.equal(host.things, { a = { size = 1 }, c = { size = 1 } })
end)

t.case("a host that has moved since the plan is left alone", function()
  local host = fake.new { a = { size = 1 } }
  local result = run(host, { resource("a", { size = 2 }), resource("b", { size = 1 }) }, function()
    host.things.a.size = 7
  end)
  t.equal(result.failure.code, "stale")
  t.matches(tostring(result.failure), "thing:a")
  t.equal(host.things, { a = { size = 7 } })
end)

t.case("what goes owes no restart", function()
  local host = fake.new { a = { size = 1 }, d = { size = 0 } }
  local result = run(host, { resource("d", nil, { restart_on = { "thing:a" } }, fake.daemon), resource("a") })
  t.equal(result.failure, nil)
  t.equal(host.marks, {})
end)

t.case("what watches and is no part of the run is owed its restart, and it is told", function()
  local host, told, events = fake.new { d = { size = 0 } }, {}, {}
  local reader = resource("e", { size = 0 }, { reload_on = { "thing:a", "thing:b" } }, fake.daemon)
  local gone = resource("f", nil, { restart_on = { "thing:a" } }, fake.daemon)
  local taken = { resource("a", { size = 1 }), resource("b", { size = 1 }) }
  local made = desired(taken)
  made.outside = outside.watchers({ taken[1], watcher, taken[2], reader, gone, resource("c") }, taken)
  local planned = plan.host(host.round(), made)
  local self = { hosts = { { name = "web1", plan = planned } }, ui = {
    event = function(_, event) events[#events + 1] = event.id .. " " .. event.verb end,
    line = function(_, text) told[#told + 1] = text end, paint = function(_, _, text) return text end,
    clean = function(_, text) return text end,
  } }
  outside.told(self, function(one) return one.plan.changed end)
  t.equal(told, {
    "web1: daemon:d: its restart stays due, since -t leaves it out: the next run without -t makes it",
    "web1: daemon:e: its reload stays due, since -t leaves it out: the next run without -t makes it",
  })
  t.equal(events, { "daemon:d restart", "daemon:e reload" })
  local result = apply.host({ conn = host.conn, facts = {}, plan = planned }, hooks())
  t.equal(result.failure, nil)
  t.equal(host.marks, { ["daemon:d"] = "restart", ["daemon:e"] = "reload" })
  t.equal(result.owed, host.marks)
  local _, later = run(host, { resource("a", { size = 1 }), resource("b", { size = 1 }), watcher, reader })
  t.equal(#later.changes, 2)
  t.equal(host.marks, {})
end)

t.case("a run of all has nothing outside", function()
  local list = { resource("a", { size = 1 }), watcher }
  t.equal(outside.watchers(list, list), nil)
end)

t.case("a restart is owed from before the write until it is done", function()
  local host = fake.new { d = { size = 0 } }
  local owed
  local result = run(host, { resource("a", { size = 1 }), watcher }, nil, {
    progress = function(change) if change.id == "thing:a" then owed = host.marks["daemon:d"] end end,
  })
  t.equal(result.failure, nil)
  t.equal(owed, "restart")
  t.equal(host.marks, {})
  t.equal(steps(host), { "set a 1", "restart d" })
end)

t.case("of what a step says the end is told, and no part of a secret that it cuts through", function()
  local host, key = fake.new(), "first-part\nnext-part\n"
  taint.new(key, "key")
  host.broken["set a 1"], host.complaint = true, key .. ("line\n"):rep(11)
  local problem = tostring(run(host, { resource("a", { size = 1 }) }).failure)
  t.equal(problem, "test.lua:1: thing:a: exit status 1: <secret:key>line" .. ("\nline"):rep(10))
end)

local STATUS = "restart nginx.service: exit status 1:        Docs: man:nginx(8)\n    Process: 7 ExecStartPre=/usr/sbin/nginx -t " ..
  "(code=exited, status=1/FAILURE)\n        CPU: 9ms\nStarting nginx.service - A web server...\n"
-- { what, text, in one line }
for _, case in ipairs {
  { "what a service says of itself", STATUS .. "nginx: [emerg] no port\nnginx: test failed\nnginx.service: Failed with result\n" ..
    "Failed to start nginx.service - A web server.", "restart nginx.service: exit status 1: nginx: [emerg] no port" },
  { "one that says nothing", STATUS .. "nginx.service: Failed with result", STATUS:match("[^\n]*") },
  { "all of the status", 'exit status 1: Job for a.service failed.\nSee "systemctl status a.service"\n× a.service - A\n     Loaded: x\nno',
    "exit status 1: no" },
  { "of a unit without a description", "exit status 1: x a.service\n     Loaded: x\nStarting a.service...\nno", "exit status 1: no" },
  { "another step", "exit status 2: E: no such package\nE: more", "exit status 2: E: no such package" },
  { "no step", "is not here\n  more", "is not here" },
} do
  t.case("a problem in one line: " .. case[1], function() t.equal(require("neap.engine.fault").short(case[2]), case[3]) end)
end

t.case("a run that fails before the restart leaves the debt, and the next run pays it", function()
  local host = fake.new { d = { size = 0 } }
  host.broken["set b 1"] = true
  local list = { resource("a", { size = 1 }), resource("b", { size = 1 }), watcher }
  local result = run(host, list)
  t.equal(result.failure.code, "failed")
  t.equal(tostring(result.failure), "test.lua:1: thing:b: exit status 1: it is broken")
  t.equal(host.marks, { ["daemon:d"] = "restart" })
  host.broken = {}
  result = run(host, list)
  t.equal(result.failure, nil)
  t.equal(steps(host), { "set a 1", "set b 1", "set b 1", "restart d" })
  t.equal(host.marks, {})
end)

t.case("a set that does not pass its validation goes back, and nothing is restarted", function()
  local host = fake.new { a = { size = 5 }, d = { size = 0 } }
  host.broken["check-config"] = true
  local result = run(host, {
    resource("a", { size = 1 }), resource("n", { size = 1 }),
    resource("d", { size = 0 }, { restart_on = { "thing:a", "thing:n" }, validate = "check-config" }, fake.daemon),
  })
  t.equal(result.failure.code, "failed")
  t.matches(tostring(result.failure), "validation 'check%-config'")
  t.matches(tostring(result.failure), "put back: thing:a, thing:n")
  t.equal(host.things, { a = { size = 5 }, d = { size = 0 } })
  t.equal(host.marks, {})
end)

t.case("a restart that an earlier run owes stays due where the validation does not pass", function()
  local host = fake.new { a = { size = 1 }, d = { size = 0 } }
  host.broken["check-config"], host.marks["daemon:d"] = true, "restart"
  local result = run(host, {
    resource("a", { size = 1 }),
    resource("d", { size = 0 }, { restart_on = { "thing:a" }, validate = "check-config" }, fake.daemon),
  })
  t.matches(tostring(result.failure), "validation 'check%-config'")
  t.equal({ host.marks, result.owed }, { { ["daemon:d"] = "restart" }, { ["daemon:d"] = "restart" } })
end)

t.case("a step that finds another state under its hand is stale, not failed", function()
  local host = fake.new()
  local guarded = setmetatable({ name = "guarded", steps = function() return { "exit75" } end }, { __index = fake.thing })
  local original = host.conn.request
  host.conn.request = function(self, request)
    if request.script:match("exit75") then return { rc = 75, out = "", err = "it has moved" } end
    return original(self, request)
  end
  local result = run(host, { resource("g", { size = 1 }, {}, guarded) })
  t.equal(result.failure.code, "stale")
end)

t.case("a signal stops between two steps", function()
  local host, stop = fake.new(), nil
  local result = run(host, { resource("a", { size = 1 }), resource("b", { size = 1 }) }, nil, {
    progress = function() stop = 15 end, interrupted = function() return stop end,
  })
  t.equal({ result.failure.code, result.failure.message }, { "interrupted", "interrupted by signal 15" })
  t.equal(steps(host), { "set a 1" })
end)

t.case("a second run does nothing", function()
  local host = fake.new()
  local list = { resource("a", { size = 1 }) }
  run(host, list)
  local before = #host.log
  local result, planned = run(host, list)
  t.equal({ #planned.changes, #host.log - before, result.failure }, { 0, 0 })
end)

t.case("a change whose steps fail is broken, the ones before it are done", function()
  local host = fake.new()
  host.broken["set b 1"] = true
  local result = run(host, { resource("a", { size = 1 }), resource("b", { size = 1 }), resource("c", { size = 1 }) })
  t.equal(result.failure.code, "failed")
  t.equal({ result.done["thing:a"].broken, result.done["thing:b"].broken, result.done["thing:c"] }, { nil, true, nil })
end)

t.case("what an earlier run owes is owed by one that fails before it comes to that", function()
  local host = fake.new { d = { size = 0 } }
  host.marks["daemon:d"], host.broken["set a 1"] = "restart", true
  local result = run(host, { resource("a", { size = 1 }), resource("d", { size = 0 }, {}, fake.daemon) })
  t.equal({ result.failure.where, result.owed }, { "thing:a", { ["daemon:d"] = "restart" } })
end)

t.case("what goes away is owed no restart, nor any more", function()
  local host = fake.new { a = { size = 5 }, d = { size = 0 } }
  host.marks["daemon:d"] = "restart"
  local going = setmetatable({ steps = function(key) return { "del " .. key } end }, { __index = fake.daemon })
  local result = run(host, { resource("d", nil, { restart_on = { "thing:a" } }, going), resource("a", { size = 1 }) })
  t.equal({ result.failure, host.marks, host.things.d }, { nil, {}, nil })
end)
