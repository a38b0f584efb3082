-- A few hosts at a time: how they are put into batches, what stops a run, and
-- that a host comes back into rotation however its change ends.
local t = require "harness"
local loop = require "neap.core.loop"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local rolling = require "neap.engine.rolling"
local words = require "neap.engine.rolling_words"

local function names_of(pattern) return { pattern .. "1", pattern .. "2" } end

local function said(given)
  local all = {}
  local wrong = words.read(given, all, names_of)
  return wrong or all
end

-- { what is said, what is read or a part of the complaint }
local cases = {
  { { serial = 2 }, { serial = { { count = 2 } } } },
  { { serial = "10%" }, { serial = { { percent = 10 } } } },
  { { serial = { 1, "10%", "50%" } }, { serial = { { count = 1 }, { percent = 10 }, { percent = 50 } } } },
  { { serial = 0 }, "at least one host" },
  { { serial = {} }, "empty list" },
  { { serial = "some" }, "got 'some'" },
  { { serial = "120%" }, "got '120%%'" },
  { { max_fail = "25%" }, { max_fail = { percent = 25 } } },
  { { max_fail = -1 }, "got '%-1'" },
  { { on_failure = "rollback" }, { on_failure = "rollback" } },
  { { on_failure = "panic" }, "not 'panic'" },
  { { drain = { on = "lb", run = "x" } }, { drain = { { on = { "lb1", "lb2" }, run = "x", timeout_s = 60 } } } },
  { { drain = "x" }, "drain wants" },
  { { enable = { on = "lb", run = "x", timeout = 1 } }, "no 'timeout'" },
  { { sreial = 1 }, "no 'sreial'" },
}
for i, case in ipairs(cases) do
  t.case("rolling says: " .. i, function()
    local got = said(case[1])
    if type(case[2]) == "table" then t.equal(got, case[2]) else t.matches(tostring(got), case[2]) end
  end)
end

t.case("the command line goes before the playbook, which must be of one mind", function()
  local function host(name, serial)
    return { name = name, plan = { desired = { rolling = { serial = serial and { { count = serial } } } } } }
  end
  local self = { opts = { max_fail = "1" }, hosts = { host("a", 2), host("b"), host("c", 2) } }
  t.equal(words.settle(self), { serial = { { count = 2 } }, max_fail = { count = 1 }, on_failure = "keep" })
  self.opts.serial = "1,50%"
  t.equal(words.settle(self).serial, { { count = 1 }, { percent = 50 } })
  self.opts.serial, self.hosts[3] = nil, host("c", 3)
  local _, problem = pcall(words.settle, self)
  t.matches(tostring(problem), "serial is 2 on host 'a' and 3 on host 'c'")
end)

-- Hosts by name; "b<c" is b waiting for a change of c, "d=" has no change.
local function fleet(spec)
  local self = { hosts = {}, by_name = {}, opts = {}, ui = { err = function() end, status = function() end } }
  for one in spec:gmatch("%S+") do
    local name, sign, other = one:match("^(%w+)([<=]?)(%w*)$")
    local change = { id = "thing:x", resource = { meta = {}, where = "site.lua:1" } }
    if sign == "<" then change.resource.meta.wait = { { host = other, id = "thing:x" } } end
    local changes = sign ~= "=" and { change } or {}
    local host = {
      name = name, status = "ok", plan = { changes = changes, changed = { ["thing:x"] = changes[1] }, desired = {} },
    }
    self.hosts[#self.hosts + 1], self.by_name[name] = host, host
  end
  return self
end

local function batches(spec, serial, new)
  local self, known = fleet(spec), {}
  for _, host in ipairs(self.hosts) do known[host.name] = host.name ~= new end
  local amounts = said({ serial = serial }).serial
  local list = {}
  for i, batch in ipairs(rolling.batches(self, amounts, known)) do
    local names = {}
    for j, host in ipairs(batch) do names[j] = host.name end
    list[i] = table.concat(names, " ")
  end
  return table.concat(list, " | ")
end

t.case("batches", function()
  t.equal(batches("a b c d e", 2), "a b | c d | e")
  t.equal(batches("a b c d e f g h i j", { 1, "30%", "50%" }), "a | b c d | e f g h i | j")
  t.equal(batches("a b c", "1%"), "a | b | c")
end)

t.case("who has nothing to change, or was never made, does not count", function()
  t.equal(batches("a b= c d", 1), "a b | c | d")
  t.equal(batches("a b c", 1, "c"), "a | b c")
  t.equal(batches("a b c", 1, "a"), "a b | c")
end)

t.case("who is waited for goes first", function() t.equal(batches("a<c b c", 1), "c | a | b") end)

t.case("a wait for a host of a later batch is an error", function()
  t.equal(batches("a<b b<a", 2), "b a")
  local ok, problem = pcall(batches, "a<b b<a", 1)
  t.equal(ok, false)
  t.matches(tostring(problem), "site.lua:1: thing:x on 'b' waits for thing:x on 'a', whose turn comes in a later batch")
end)

-- Runs a fleet, one after the other; `fails` names those that fail. Returns how each ended.
local function run(self, fails, max_fail)
  self.rolling = { serial = { { count = 1 } }, max_fail = max_fail }
  local known = {}
  for _, host in ipairs(self.hosts) do known[host.name] = true end
  self.batches = rolling.batches(self, self.rolling.serial, known)
  loop.run(function()
    rolling.run(self, function(host)
      if fails:find(host.name) then error(fault.new("failed", nil, "no"), 0) end
    end)
  end)
  local list = {}
  for i, host in ipairs(self.hosts) do list[i] = host.status end
  return list
end

t.case("the first failure ends it", function()
  t.equal(run(fleet "a b c", "a"), { "failed", "skipped", "skipped" })
end)

t.case("so many may fail", function()
  t.equal(run(fleet "a b c d", "ab", { count = 1 }), { "failed", "failed", "skipped", "skipped" })
  t.equal(run(fleet "a b c d", "a", { percent = 25 }), { "failed", "ok", "ok", "ok" })
end)

t.case("a host that was not reachable has failed", function()
  local self = fleet "a b c"
  self.hosts[2].status = "unreachable"
  t.equal(run(self, ""), { "skipped", "unreachable", "skipped" })
end)

-- What is said to the balancer around the change of `a`.
local function told(fails, broken)
  local self, log = fleet "a lb=", {}
  local function on_balancer(what) return { { on = { "lb" }, run = what, timeout_s = 1 } } end
  self.hosts[1].plan.desired.rolling = { drain = on_balancer "drain a", enable = on_balancer "enable a" }
  self.by_name.lb.conn = { request = function(_, request)
    log[#log + 1] = request.script
    return { rc = request.script == broken and 1 or 0, out = "", err = "no such server" }
  end }
  local result = run(self, fails)
  return log, result[1], self.hosts[1].problem
end

t.case("drained before, enabled after", function()
  local log, status = told("")
  t.equal({ log, status }, { { "drain a", "enable a" }, "ok" })
end)

t.case("enabled after a failure too", function()
  local log, status = told("a")
  t.equal({ log, status }, { { "drain a", "enable a" }, "failed" })
end)

t.case("what cannot be drained is not changed", function()
  local log, status, problem = told("", "drain a")
  t.equal({ log, status }, { { "drain a", "enable a" }, "failed" })
  t.matches(tostring(problem), "drain a on 'lb': exit status 1: no such server")
end)

t.case("what does not come back into rotation has failed", function()
  local _, status, problem = told("", "enable a")
  t.equal(status, "failed")
  t.matches(tostring(problem), "enable a on 'lb'")
end)

-- ---- what is written down of a host that is out ----

-- A run of `a`, that a balancer takes out and puts back; what each of the two is asked, and how it ended.
local function marked(host_out, lb_answers)
  local self, log = fleet(host_out and "a= lb=" or "a lb="), {}
  self.ui.err = function(_, text) log[#log + 1] = "said: " .. text end
  self.hosts[1].plan.desired.rolling = {
    drain = { { on = { "lb" }, run = "drain a", timeout_s = 1 } },
    enable = { { on = { "lb" }, run = "enable a", timeout_s = 1 } },
  }
  local function answering(name, answers)
    return { request = function(_, request)
      local what = request.script:match("mv") and "mark" or request.script:match("^rm") and "unmark" or request.script
      log[#log + 1] = name .. ": " .. what
      if not answers(what) then return nil, "it is gone", "closed" end
      return { rc = 0, out = "", err = "" }
    end }
  end
  self.hosts[1].facts, self.hosts[1].out = { uid = 0 }, host_out
  self.hosts[1].conn = answering("a", function() return true end)
  self.by_name.lb.conn = answering("lb", lb_answers or function() return true end)
  run(self, "")
  return log, self.hosts[1]
end

t.case("it is written down on the host before it is drained, and taken away when it is back", function()
  local log, host = marked()
  t.equal(log, { "a: mark", "lb: drain a", "lb: enable a", "a: unmark" })
  t.equal(host.out, nil)
end)

t.case("a host that an earlier run has left out comes back, also where nothing is to be changed", function()
  local log, host = marked { by = "ada@ctl", since = 1 }
  t.equal(log, { "lb: enable a", "a: unmark" })
  t.equal(host.out, nil)
end)

t.case("who was told to drain it and is gone keeps it out", function()
  local log, host = marked(nil, function(what) return what ~= "enable a" end)
  t.equal(log, { "a: mark", "lb: drain a", "lb: enable a", "said: lb: could not be asked to enable a: it is gone" })
  t.equal({ host.status, host.out ~= nil }, { "ok", true })
end)

t.case("who could not be told to drain it need not be told to enable it", function()
  local _, host = marked(nil, function() return false end)
  t.equal({ host.status, host.out }, { "ok", nil })
end)

t.case("the mark is read by whoever connects next", function()
  local lock = hostlock.parse("[uid]\n0\n[locked]\n[drained]\nada@ctl\t1700000000\n[lock]\ntaken\n")
  t.equal(lock.drained, { by = "ada@ctl", since = 1700000000 })
  t.equal(hostlock.parse("[uid]\n0\n[locked]\n[drained]\n[lock]\ntaken\n").drained, nil)
end)
