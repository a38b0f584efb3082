--- The journal of the controller, and what the next run makes of one that was left.
local t = require "harness"
local file = require "neap.core.journal"
local json = require "neap.core.json"
local loop = require "neap.core.loop"
local store = require "neap.core.store"
local sys = require "neap.core.sys"
local fake = require "fake_host"
local brief = require "neap.engine.brief"
local journal = require "neap.engine.journal"
local leftover = require "neap.engine.leftover"
local standing = require "neap.engine.standing"
local project = require "project"

local function folder() return project.write { ["inventory.lua"] = "return { hosts = { n1 = {} } }" } end

local function change(id, kind, extra)
  local c = { id = id, kind = kind, resource = fake.resource("a", { size = 1 }), to = { size = 1 } }
  for k, v in pairs(extra or {}) do c[k] = v end
  return c
end

-- A run of one host with these steps, its journal written and let go of.
local function run_that_dies(dir, steps, finish, desired, observed)
  local said = {}
  local self = {
    verb = "apply", opts = { state = dir .. "/state.git", playbook = "site.lua" },
    ui = { err = function(_, text) said[#said + 1] = text end, detail = function() end }, said = said,
  }
  local host = {
    name = "n1", status = "ok", facts = { uid = 0, machine_id = "m1" }, lock = {},
    plan = {
      changes = {}, observed = observed or { ["thing:a"] = false }, desired = desired or { list = {} },
      around = { ["thing:a"] = { file = false } },
    },
    conn = { request = function() end },
  }
  for i, step in ipairs(steps) do host.plan.changes[i] = step.change end
  self.hosts = { host }
  local ok, problem = loop.run(function()
    journal.begin(self)
    for _, step in ipairs(steps) do journal.step(self, host, { step }) end
    if finish then finish(self, host) end
  end)
  if not ok then error(problem, 0) end
  return self
end

local function status_of(dir)
  local st = store.open(dir .. "/state.git")
  local text = st:read(st:head(), "hosts/n1/status.json")
  st:close()
  return json.decode(text)
end

local two = {
  { change = change("file:/a", "create"), owes = { { id = "service:d", verb = "restart" } } },
  { change = change("file:/b", "update", { from = { size = 9 } }) },
}

t.case("a journal is locked while its writer lives, and anybody's after", function()
  local dir = folder()
  local first = assert(file.create(dir, "1.jsonl"))
  local _, _, code = file.adopt(dir, "1.jsonl")
  t.equal(code, "locked")
  assert(first:append("a\n"))
  first:close()
  local second = assert(file.adopt(dir, "1.jsonl"))
  t.equal(sys.read_file(dir .. "/1.jsonl"), "a\n")
  second:remove("1.jsonl")
  t.equal(select(3, file.adopt(dir, "1.jsonl")), "notfound")
end)

t.case("each step is written down with what was there and what is to be", function()
  local dir = folder()
  local self = run_that_dies(dir, two)
  local list = leftover.list(self.opts)
  t.equal({ #list, list[1].alive, list[1].run.verb }, { 1, true, "apply" })
  self.book.handle:close()
  list = leftover.list(self.opts)
  t.equal(list[1].alive, false)
  local host = list[1].hosts.n1
  t.equal({ host.machine_id, host.step, host.steps, host.at }, { "m1", 2, 2, "file:/b" })
  t.equal(host.entries[1].before, false)
  t.equal({ host.entries[2].before, host.entries[2].after }, { { size = 9 }, { size = 1 } })
end)

t.case("the next run records a dead run's hosts as incomplete, once", function()
  local dir = folder()
  local self = run_that_dies(dir, two)
  leftover.recover(self)
  t.equal(#self.said, 0) -- its writer lives
  self.book.handle:close()
  leftover.recover(self)
  t.matches(self.said[1], "^n1: incomplete since .*: the apply of .* ended without a word at step 2 of 2; recorded: %x+$")
  local status = status_of(dir)
  t.equal({ status.status, status.at, status.step, status.machine_id }, { "incomplete", "file:/b", 2, "m1" })
  t.equal(status.pending_restarts, { { id = "service:d", verb = "restart" } })
  t.equal(#status.journal, 2)
  t.equal({ #self.recovered, self.recovered[1].verb }, { 1, "apply" })
  leftover.recover(self)
  t.equal(#self.recovered, 0)
  t.equal({ #self.said, #leftover.list(self.opts) }, { 1, 0 })
end)

t.case("what has been recorded since is told by the history, whatever the clocks say", function()
  local dir, day, real = folder(), 86400, sys.time
  local function recorded_at(time, what)
    local st = store.open(dir .. "/state.git")
    assert(st:commit { parent = st:head(), changes = { ["hosts/n1/status.json"] = what }, message = "x", time = time,
      name = "a", email = "a@b" })
    st:close()
  end
  local first = run_that_dies(dir, two)
  first.book.handle:close()
  leftover.recover(first)
  -- The clock was ahead when that was recorded; the run that dies now is later, and not the earlier one.
  recorded_at(math.floor(real()) + day, "{}")
  local self = run_that_dies(dir, two)
  self.book.handle:close()
  leftover.recover(self)
  t.equal({ #self.said, status_of(dir).status }, { 1, "incomplete" })
  -- And the other way: recorded after the run that died, by a clock that is behind.
  self = run_that_dies(dir, two)
  recorded_at(math.floor(real()) - day, '{"status":"complete"}')
  self.book.handle:close()
  leftover.recover(self)
  t.equal({ #self.said, status_of(dir).status }, { 0, "complete" })
end)

t.case("a restart that was made is owed no more; the last step may not have been made", function()
  local restart = { change = change("service:d", "update", { trigger = "restart" }) }
  local dir = folder()
  local self = run_that_dies(dir, { two[1], restart })
  self.book.handle:close()
  t.equal(leftover.list(self.opts)[1].hosts.n1.owed, { ["service:d"] = "restart" })
  self = run_that_dies(folder(), { two[1], restart, two[2] })
  self.book.handle:close()
  t.equal(leftover.list(self.opts)[1].hosts.n1.owed, {})
end)

t.case("a restart that an earlier run has left due is due until it is made", function()
  local restart = { change = change("service:d", "update", { trigger = "restart", owed = "restart" }) }
  for steps, owed in pairs { [{ two[2], restart }] = { ["service:d"] = "restart" }, [{ restart, two[2] }] = {} } do
    local self = run_that_dies(folder(), steps)
    self.book.handle:close()
    t.equal(leftover.list(self.opts)[1].hosts.n1.owed, owed)
  end
end)

t.case("what a thing was before its first touch is recorded with the dead run", function()
  local dir = folder()
  local self = run_that_dies(dir, two)
  self.book.handle:close()
  leftover.recover(self)
  local st = store.open(dir .. "/state.git")
  local genesis = json.decode(st:read(st:head(), "hosts/n1/genesis/resources/thing/a.json"))
  local seen = json.decode(st:read(st:head(), "hosts/n1/resources/thing/a.json"))
  st:close()
  t.equal({ genesis.state, genesis.around, seen.state, seen.managed },
    { json.null, { file = false }, json.null, { "size" } })
end)

-- { what is found, whether the run that died has made it, or has been cut off there: of a type whose change is made
-- in one, and of another }
for i, case in ipairs {
  { { size = 1 }, true, true }, { { size = 9 }, true, true }, { { size = 5 }, false, true }, { nil, false, true },
} do
  t.case("what a dead run has made is nobody else's: " .. i, function()
    local self = run_that_dies(folder(), two)
    self.book.handle:close()
    leftover.recover(self)
    local status = status_of(self.opts.state:match("^(.*)/"))
    for atomic, made in pairs { [true] = case[2], [false] = case[3] } do
      local rtype = setmetatable({ atomic = atomic }, { __index = fake.thing })
      t.equal(brief.has_made(status, { id = "file:/b", rtype = rtype }, case[1]), made)
    end
    local earlier = { id = "file:/a", rtype = fake.thing }
    t.equal({ brief.has_made(status, earlier, { size = 5 }), brief.has_made(status, earlier, { size = 1 }) },
      { false, true })
  end)
end

t.case("what a dead run has made has changed more than what was wanted of it", function()
  local along = { change = change("file:/a", "update", { from = { size = 5, hue = 1 }, to = { size = 1, hue = 1 } }) }
  local self = run_that_dies(folder(), { along, two[2] })
  self.book.handle:close()
  leftover.recover(self)
  local status = status_of(self.opts.state:match("^(.*)/"))
  local resource = { id = "file:/a", rtype = fake.thing }
  local function made(size, hue) return brief.has_made(status, resource, { size = size, hue = hue }) end
  t.equal({ made(1, 2), made(2, 1), made(require("neap.core.taint").new("another one", "previous"), 1) },
    { true, false, true })
end)

t.case("what two dead runs have made, one after the other, is nobody else's", function()
  local dir = folder()
  for _, steps in ipairs { two, { { change = change("file:/c", "create") } }, { two[1] } } do
    local self = run_that_dies(dir, steps)
    self.book.handle:close()
    leftover.recover(self)
  end
  local status = status_of(dir)
  local function made(id, size)
    local rtype = setmetatable({ atomic = id == "file:/a" }, { __index = fake.thing })
    return brief.has_made(status, { id = id, rtype = rtype }, size and { size = size } or nil)
  end
  t.equal({ made("file:/a", 1), made("file:/a", 5), made("file:/b", 5), made("file:/c"), made("file:/d", 1) },
    { true, false, true, true, false })
  t.equal(#status.journal, 3)
end)

t.case("what a run has looked at in the end is as it is recorded, whatever one before it had left", function()
  local was = { status = "incomplete", step = 1, journal = { { n = 1, id = "file:/a", before = false, after = { size = 1 } } } }
  local lost, seen = standing.incomplete(was, { step = 1 }), standing.incomplete(was, { step = 1, is_seen = true })
  t.equal({ #lost.journal, lost.journal[1].cut_off, lost.journal[1].n, #seen.journal }, { 1, true, nil, 0 })
end)

t.case("what a run has found as wanted is recorded so: what is otherwise later is others' work", function()
  local function entry(n, id) return { n = n, id = id, before = { size = 9 }, after = { size = 1 } } end
  local now = { step = 2, entries = { entry(1, "file:/a"), entry(2, "file:/b") }, is_seen = true,
    settled = { ["file:/a"] = true } }
  local status = standing.incomplete({}, now)
  local function made(id, size) return brief.has_made(status, { id = id, rtype = fake.thing }, { size = size }) end
  t.equal({ made("file:/a", 1), made("file:/b", 1), #status.journal }, { false, true, 2 })
  now.settled["file:/b"], now.at = true, "file:/b"
  t.equal(brief.has_made(standing.incomplete({}, now), { id = "file:/b", rtype = fake.thing }, { size = 5 }), true)
  now.at = nil
  status = standing.incomplete({}, now)
  t.equal({ made("file:/b", 1), made("file:/b", 5) }, { false, false })
  status = standing.incomplete(status, { step = 1, entries = { entry(1, "file:/a") } })
  t.equal({ made("file:/a", 1), made("file:/b", 1), #status.journal }, { true, false, 2 })
end)

t.case("what a dead run was not to change of a file is others' work", function()
  local resource = { id = "file:/a", type = "file", key = "/a", rtype = require "neap.types.file" }
  local function made(content, mode, occupied)
    local before = brief.of(resource.rtype, { content = "a", mode = "0644", occupied = occupied })
    local entry = { n = 1, id = "file:/a", before = before, after = brief.of(resource.rtype, { content = "b" }) }
    return brief.has_made({ step = 2, journal = { entry } }, resource, { content = content, mode = mode })
  end
  t.equal({ made("b", "0644"), made("b", "0700"), made("c", "0644") }, { true, false, false })
  t.equal(made("b", "0700", "symlink"), true)
end)

t.case("a line that was torn is no line, and a run without steps leaves nothing", function()
  local dir = folder()
  local self = run_that_dies(dir, two)
  self.book.handle:append('{"steps":[{"host":"n1","id":"fi')
  self.book.handle:close()
  t.equal(leftover.list(self.opts)[1].hosts.n1.step, 2)
  self = run_that_dies(folder(), {})
  t.equal({ self.book, #leftover.list(self.opts) }, { nil, 0 })
end)

t.case("a line that leads elsewhere is none", function()
  local lines = {
    '{"host":"../n2","of":1}', '{"host":"n2/x","of":1}', '{"steps":[{"host":"..","n":1,"id":"file:/a"}]}',
    '{"host":"n1","labels":{"moved":{"../x/a":"e30=","order.json":"W10=","run.json":false,"resources/line/a.json":false},'
      .. '"names":{"line:a":"line:b"}}}', '{"host":"n2","labels":{"moved":1,"names":{}}}',
    '{"host":{"a":1}}', '{"steps":[{"host":"n1","n":"1","id":"file:/a"}]}', '{"before":{"resources/x":"e30="}}',
    '{"steps":[{"host":"n1","n":1,"id":"file:/a"}],"before":{"../run.json":"e30=","genesis/../x":"e30=",'
      .. '"status.json":"e30=","resources/file/a.json":"e30="}}',
  }
  local hosts = leftover.parse(table.concat(lines, "\n") .. "\n").hosts
  t.equal({ next(hosts), next(hosts, "n1") }, { "n1" })
  t.equal({ hosts.n1.step, hosts.n1.pre_images }, { 1, { ["resources/file/a.json"] = "{}" } })
  t.equal({ hosts.n1.moved, hosts.n1.names },
    { { ["order.json"] = "[]", ["resources/line/a.json"] = false }, { ["line:a"] = "line:b" } })
end)

-- What is recorded of n1: { [path below the host] = decoded JSON }.
local function records_of(dir)
  local st, records = store.open(dir .. "/state.git"), {}
  for path, text in pairs(st:tree(st:head(), "hosts/n1")) do records[path] = json.decode(text) end
  st:close()
  return records
end

-- A run that dies when it has given the label of a line another line.
local function line_that_dies(dir, text)
  local rtype, attrs = require "neap.types.line", { path = "/f", line = text }
  local resource = { id = "line:k", type = "line", key = "k", rtype = rtype, attrs = attrs, meta = {} }
  local made = { id = "line:k", kind = "create", resource = resource, to = attrs }
  local self = run_that_dies(dir, { { change = made } }, nil, { list = { resource }, whole = true },
    { ["line:k"] = false })
  self.book.handle:close()
  leftover.recover(self)
end

t.case("what a label stood for before a run that died is recorded by its own name, and so is what that one made", function()
  local dir = folder()
  local st = assert(store.open(dir .. "/state.git", { create = true }))
  local function record(state) return json.encode { type = "line", key = "k", state = state } end
  assert(st:commit { name = "a", email = "a@b", message = "x", time = 1, changes = {
    ["hosts/n1/status.json"] = '{"status":"complete","machine_id":"m1"}', ["hosts/n1/order.json"] = '["line:k"]',
    ["hosts/n1/resources/line/k.json"] = record { path = "/f", line = "a" },
    ["hosts/n1/genesis/resources/line/k.json"] = record(json.null),
  } })
  st:close()
  line_that_dies(dir, "b")
  local records = records_of(dir)
  local alias = records["order.json"][1]
  local path = "resources/line/" .. alias:match(":(.*)$") .. ".json"
  t.matches(alias, "^line:k#%x+$")
  t.equal({ records[path].state.line, records["genesis/" .. path].state }, { "a", json.null })
  local label, genesis = records["resources/line/k.json"], records["genesis/resources/line/k.json"]
  t.equal({ label.state, label.options, genesis.state }, { json.null, { path = "/f", line = "b" }, json.null })
  line_that_dies(dir, "c")
  records = records_of(dir)
  t.equal({ #records["order.json"], records["resources/line/k.json"].options.line }, { 1, "c" })
  local ids = {}
  for i, entry in ipairs(records["status.json"].journal) do ids[i] = entry.id:gsub("%x+$", "") end
  t.equal(ids, { "line:k#", "line:k" })
end)

t.case("a host whose part was over is incomplete since it was not recorded", function()
  local self = run_that_dies(folder(), two, function(run, host)
    journal.ended(run, host)
    loop.sleep(50)
  end)
  self.book.handle:close()
  local one = leftover.list(self.opts)[1]
  t.matches(leftover.problem(one.run, one.hosts.n1), "^the apply of .* ended before it was recorded$")
end)

local function check(was, opts, verb, now, tags)
  local said = {}
  local self = {
    verb = verb or "apply", target = opts.target, shown = opts.shown, opts = { args = {}, adopt = opts.adopt, discard_pending = opts.discard,
      tags = tags, remove_homes = opts.remove_homes },
    ui = { err = function(_, text) said[#said + 1] = text end, detail = function() end, event = function() end },
  }
  local host = {
    name = "n1", status = "ok", facts = { machine_id = now or "m1" }, recorded_status = was,
    plan = { changes = { not opts.unchanged and {} or nil } },
  }
  local ok, problem = pcall(standing.check, self, host)
  self.hosts = { host }
  if ok then t.equal(standing.told(self), said[1] ~= nil) end
  return ok and (said[1] or "fine") or problem.code .. ": " .. problem.message, host
end

-- { name, recorded status, options, verb, machine-id now, wanted }
for _, case in ipairs {
  { "a new host", {}, {}, "apply", "m1", "^fine$" },
  { "the same host", { machine_id = "m1" }, {}, "apply", "m1", "^fine$" },
  { "another host of that name", { machine_id = "m0" }, {}, "apply", "m1",
    "^failed: is not the host that is recorded: .*m1 and was m0.*%-%-adopt" },
  { "a plan only says so", { machine_id = "m0" }, {}, "plan", "m1", "^n1: is not the host that is recorded" },
  { "and says it where nothing differs", { machine_id = "m0" }, { unchanged = true }, "plan", "m1",
    "^n1: is not the host that is recorded" },
  { "it can be accepted", { machine_id = "m0" }, { adopt = true }, "apply", "m1", "^fine$" },
  { "and what was pending is another's", { machine_id = "m0", status = "pending-rollback", target = "abc" },
    { adopt = true }, "apply", "m1", "^fine$" },
  { "a rollback is pending", { machine_id = "m1", status = "pending-rollback", target = "abc" }, {}, "apply", "m1",
    "^stale: a rollback to abc is pending .*`neap rollback abc %-l n1`.*%-%-discard%-pending" },
  { "the same rollback may", { machine_id = "m1", status = "pending-rollback", target = "abc" }, { target = "abc" },
    "rollback", "m1", "^fine$" },
  { "another one may not", { machine_id = "m1", status = "pending-rollback", target = "abc" }, { target = "def" },
    "rollback", "m1", "^stale" },
  { "a plan says that, too", { machine_id = "m1", status = "pending-rollback", target = "abc" }, { unchanged = true },
    "plan", "m1", "^n1: a rollback to abc is pending .*`neap rollback abc %-l n1`" },
  { "and a plan of another rollback", { machine_id = "m1", status = "pending-rollback", target = "abc" },
    { target = "def", shown = "rollback" }, "plan", "m1", "^n1: a rollback to abc is pending" },
  { "but not that of the same one", { machine_id = "m1", status = "pending-rollback", target = "abc" },
    { target = "abc", shown = "rollback" }, "plan", "m1", "^fine$" },
  { "it can be forgotten", { machine_id = "m1", status = "pending-rollback", target = "abc" }, { discard = true },
    "apply", "m1", "^fine$" },
  { "an incomplete host may be changed", { machine_id = "m1", status = "incomplete" }, {}, "apply", "m1", "^fine$" },
} do
  t.case("standing: " .. case[1], function() t.matches(check(case[2], case[3], case[4], case[5]), case[6]) end)
end

t.case("of a host that is adopted nothing counts that was recorded of the other machine", function()
  local was = { machine_id = "m0", status = "incomplete", step = 1, since = 5, journal = { { n = 1, id = "file:/a" } },
    pending_restarts = { { id = "service:b", verb = "reload" } } }
  local _, host = check(was, { adopt = true }, "apply", "m1")
  t.equal({ host.adopted, standing.is_another({}, host) }, { true, true })
  local self = { opts = { tags = { "x" } }, verb = "apply" }
  host.status, host.plan = "ok", { changes = {}, desired = { list = {} } }
  t.equal(standing.status(self, host), { status = "complete", machine_id = "m1" })
  host.status, host.problem, host.since = "failed", { message = "x" }, 9
  local status = standing.status(self, host)
  t.equal({ status.status, status.since, #status.journal }, { "incomplete", 9, 0 })
  _, host = check(was, {}, "plan", "m0")
  t.equal({ host.adopted, standing.is_another({}, host) }, { nil, false })
end)

t.case("a run that adopted a host and died leaves nothing of what was recorded of the other machine", function()
  local dir = folder()
  local self = run_that_dies(dir, two)
  self.book.handle:close()
  local st = store.open(dir .. "/state.git")
  assert(st:commit { parent = st:head(), message = "x", time = 1, name = "a", email = "a@b", changes = {
    ["hosts/n1/status.json"] = '{"machine_id":"m0","status":"incomplete","journal":[{"id":"file:/z","n":1}]}',
    ["hosts/n1/resources/thing/a.json"] = "{}", ["hosts/n1/genesis/resources/thing/a.json"] = "{}",
    ["hosts/n1/order.json"] = "[]", ["hosts/n2/status.json"] = "{}",
  } })
  local head = st:head()
  st:close()
  -- It began after that was recorded.
  local name = journal.folder(self.opts) .. "/" .. self.book.name
  assert(sys.write_file(name, (sys.read_file(name):gsub('"head":""', '"head":"' .. head .. '"')), 384))
  leftover.recover(self)
  st = store.open(dir .. "/state.git")
  local names, tree = {}, st:tree(st:head(), "hosts/n1")
  for path in pairs(tree) do names[#names + 1] = path end
  table.sort(names)
  local status, genesis = status_of(dir), json.decode(tree["genesis/resources/thing/a.json"])
  st:close()
  t.equal(names, { "genesis/resources/thing/a.json", "resources/thing/a.json", "status.json" })
  t.equal({ status.machine_id, #status.journal, genesis.key }, { "m1", 2, "a" })
end)

t.case("what a run with -t leaves due is recorded, until a run of all", function()
  local function told(opts, list, was, owed)
    local plan = { desired = { list = list, outside = opts.outside } }
    local host = { name = "n1", status = "ok", facts = {}, plan = plan, recorded_status = was, result = { owed = owed } }
    local due = {}
    for _, one in ipairs(standing.status({ opts = opts }, host).pending_restarts or {}) do due[one.id] = one.verb end
    return due
  end
  local was = { pending_restarts = { { id = "service:b", verb = "reload" }, { id = "service:c", verb = "restart" } } }
  local part = { tags = { "x" } }
  t.equal(told(part, {}, {}, { ["service:a"] = "reload" }), { ["service:a"] = "reload" })
  t.equal(told({ outside = {} }, {}, {}, { ["service:a"] = "reload" }), { ["service:a"] = "reload" }, "a saved plan")
  t.equal(told(part, { { id = "service:c" } }, was, { ["service:b"] = "restart" }), { ["service:b"] = "restart" })
  t.equal(told(part, {}, was, {}), { ["service:b"] = "reload", ["service:c"] = "restart" })
  t.equal(told({}, { { id = "service:c" } }, was, {}), {})
end)

-- A state repository in which these hosts are recorded: { [name] = machine-id }.
local function recording(hosts)
  local dir, changes = folder(), {}
  for name, id in pairs(hosts) do
    changes["hosts/" .. name .. "/status.json"] = json.encode { status = "complete", machine_id = id }
  end
  local st <close> = assert(store.open(dir .. "/state.git", { create = true }))
  assert(st:commit { changes = changes, message = "x", time = 1, name = "a", email = "a@b" })
  return dir .. "/state.git"
end

for _, case in ipairs {
  { "a machine that is known by a name that is gone", { old = "m1", n2 = "m2" },
    "^n1: is the machine that is recorded as 'old', .*: as 'n1' its history, .* begin anew; .*give it that name again" },
  { "one that had two names", { old = "m1", older = "m1" }, "recorded as 'old', 'older'," },
  { "a name that is still there", { n2 = "m1" }, "^fine$" },
  { "another machine", { old = "m2" }, "^fine$" },
  { "its own name", { n1 = "m1", old = "m1" }, "^fine$" },
} do
  t.case("renamed: " .. case[1], function()
    for _, verb in ipairs { "apply", "plan" } do
      local said = "fine"
      local self = {
        verb = verb, opts = { state = recording(case[2]), args = {} }, inventory = { by_name = { n1 = {}, n2 = {} } },
        ui = { err = function(_, text) said = text end, detail = function() end },
      }
      standing.check(self, { name = "n1", facts = { machine_id = "m1" }, plan = { changes = { {} } } })
      t.matches(said, case[3])
    end
  end)
end

-- { what, what df says, with -i, the complaint }
for _, case in ipairs {
  { "a full disk", "9 9 0", "9 1 8", ": no space is left on its file system" },
  { "one that has a little left, and not enough", "999 963 36", "9 1 8", ": no space is left on its file system" },
  { "one without inodes", "999 0 999", "9 9 0", ": no inode is left on its file system" },
  { "one that does not count them", "999 0 999", "- - -", "" },
  { "another reason", "999 0 999", "9 1 8", "" },
} do
  t.case("a host's journal that cannot be written: " .. case[1], function()
    local dir, script = folder(), nil
    local df = ("df() { case $* in *-i*) n='%s';; *) n='%s';; esac; printf 'head\\n/dev/x %%s 9%%%% /var\\n' \"$n\"; }\n")
      :format(case[3], case[2])
    run_that_dies(dir, two, function(run, host)
      host.step = nil
      script = journal.step(run, host, { two[1] })
    end)
    assert(not dir:find("%", 1, true) and sys.mkdir(dir .. "/host"))
    assert(sys.mkdir(dir .. "/host/journal")) -- nobody writes to that
    local there = dir .. "/host"
    for _, shell in ipairs(require("local_host").shells()) do
      assert(sys.write_file(dir .. "/script", df .. script:gsub("/var/lib/neap", there), 384))
      local pipe = io.popen(("%s %s/script 2>&1; echo $?"):format(shell, dir))
      local said = pipe:read("a"):match("cannot write .*$")
      pipe:close()
      t.equal(said, ("cannot write '%s/host/journal'%s\n1\n"):format(dir, case[4]), shell)
    end
  end)
end

t.case("what a script that was killed has left goes with the host's part that failed, or stays noted", function()
  for _, case in ipairs { { "stopped", "rm -rf", "", nil }, { false, "rm -rf", ".neap.Abc123\n", nil },
      { "stopped", "false", ".neap.Abc123\n", "%s/app\n" } } do
    local dir, script = folder(), nil
    run_that_dies(dir, two, function(run, host)
      host.problem = case[1] or nil
      host.conn.request = function(_, request) script = request.script end
      journal.ended(run, host)
      loop.sleep(10)
    end)
    local there = dir .. "/host"
    script = script:gsub("/var/lib/neap", (there:gsub("%%", "%%%%"))):gsub("rm %-rf", case[2])
    local pipe = io.popen(("mkdir -p %s/app/.neap.Abc123 && echo %s/app >%s/temp && sh 2>&1 <<'END'\n%s\nEND\nls -A %s/app")
      :format(there, there, there, script, there))
    t.equal({ pipe:read("a"), pipe:close() and sys.read_file(there .. "/temp") },
      { case[3], case[4] and case[4]:format(there) })
  end
end)

-- { name, what is pending, options, -t, wanted }
local function due_to(tags, options)
  return { machine_id = "m1", status = "pending-rollback", target = "abc", tags = tags, options = options }
end
for _, case in ipairs {
  { "the same tags", due_to { "x", "y" }, {}, { "y,x" }, "^fine$" },
  { "more tags", due_to { "x" }, {}, { "x", "y" }, "^fine$" },
  { "all", due_to { "x" }, {}, nil, "^fine$" },
  { "fewer tags", due_to { "x", "y" }, {}, { "x" }, "^stale.*`neap rollback abc %-l n1 %-t x,y` carries it out" },
  { "other tags", due_to { "x" }, {}, { "y" }, "^stale" },
  { "a part of all", due_to(nil), {}, { "x" }, "^stale.*`neap rollback abc %-l n1` carries" },
  { "an odd tag", due_to { "x y" }, {}, { "y" }, "%-t 'x y'` carries" },
  { "homes that go", due_to(nil, { "remove_homes", "theirs" }), { remove_homes = true }, nil, "^fine$" },
  { "and that stay", due_to(nil, { "remove_homes", "theirs", "else" }), {}, nil,
    "^stale.*`neap rollback abc %-l n1 %-%-theirs %-%-remove%-homes` carries" },
} do
  t.case("what is pending, and a rollback of " .. case[1], function()
    case[3].target = "abc"
    t.matches(check(case[2], case[3], "rollback", "m1", case[4]), case[5])
  end)
end

-- { what was pending: target, tags, options; what one more is to do: target, tags, options; what is pending then }
for i, case in ipairs {
  { { "a", { "x" } }, { "a", { "y" } }, { "a", { "x", "y" } } },
  { { "a", { "x", "y" } }, { "a", { "x" } }, "stays" },
  { { "a", { "x" } }, { "a", nil }, { "a", nil } },
  { { "a", nil }, { "a", { "x" } }, "stays" },
  { { "a", nil }, { "a", nil, { remove_homes = true } }, { "a", nil, { "remove_homes" } } },
  { { "a", { "x" } }, { "a", { "y" }, { theirs = true } }, { "a", { "x", "y" }, { "theirs" } } },
  { { "a", nil }, { "b", nil }, { "b", nil } },
  { { "a", { "x" } }, { "b", { "x", "y" } }, { "b", { "x", "y" } } },
  { { "a", { "x" } }, { "b", { "y" } }, "stays" },
  { { "a", { "x" } }, { "b", { "y" }, { discard_pending = true } }, { "b", { "y" } } },
} do
  t.case("two rollbacks that have not reached a host, one after the other: " .. i, function()
    local was, more, wanted = case[1], case[2], case[3]
    local opts = more[3] or {}
    opts.tags = more[2]
    local host = { name = "n1", status = "unreachable", problem = { message = "no answer" } }
    host.recorded_status = due_to(was[2], was[3])
    host.recorded_status.target = was[1]
    local status = standing.pending({ verb = "rollback", target = more[1], opts = opts }, host)
    t.equal(status and { status.target, status.tags, status.options } or "stays", wanted)
  end)
end

t.case("a host that a rollback has not reached has it pending", function()
  local self = { verb = "rollback", target = "abc", opts = {} }
  local host = { name = "n1", status = "unreachable", problem = { message = "no answer" } }
  host.recorded_status = { machine_id = "m1", status = "complete" }
  local status = standing.pending(self, host)
  t.equal({ status.status, status.target, status.machine_id }, { "pending-rollback", "abc", "m1" })
  host.recorded_status = {}
  t.equal(standing.pending(self, host), nil)
  host.recorded_status = { machine_id = "m1" }
  t.equal(standing.pending({ verb = "apply", opts = {} }, host), nil)
end)

t.case("a host that was left out of rotation is known, also before its first step", function()
  local self = run_that_dies(folder(), { two[1] }, function(run, host) journal.rotation(run, host, "out") end)
  self.book.handle:close()
  t.equal(leftover.list(self.opts)[1].hosts.n1.out.by, leftover.list(self.opts)[1].run.by)
  leftover.recover(self)
  local status = status_of(self.opts.state:match("^(.*)/"))
  t.equal({ status.status, type(status.out_of_rotation.since) }, { "incomplete", "number" })
end)

t.case("and one that was put back is not", function()
  local self = run_that_dies(folder(), { two[1] }, function(run, host)
    journal.rotation(run, host, "out")
    journal.rotation(run, host, "in")
  end)
  self.book.handle:close()
  t.equal(leftover.list(self.opts)[1].hosts.n1.out, nil)
end)

t.case("a rollback that does not reach a host leaves what is known of a run that did not end there", function()
  local entries = { { id = "thing:a", n = 2, kind = "create" } }
  local was = standing.incomplete({}, { machine_id = "m1", step = 2, steps = 3, at = "thing:a", entries = entries, since = 7,
    owed = { ["daemon:d"] = "restart" } })
  local function unreached(recorded, target)
    local host = { name = "n1", status = "unreachable", problem = { message = "gone" }, recorded_status = recorded }
    return standing.pending({ verb = "rollback", target = target, opts = { discard_pending = true } }, host)
  end
  local again = unreached(unreached(was, "a1"), "a2")
  t.equal({ again.status, again.target, again.was, again.step }, { "pending-rollback", "a2", "incomplete", 2 })
  t.equal(again.pending_restarts, { { id = "daemon:d", verb = "restart" } })
  t.equal(brief.has_made(standing.decode(json.encode(again), "n1"), fake.resource("a", { size = 1 }), { size = 1 }), true)
  local next_one = standing.incomplete(again, { step = 1, entries = {}, since = 9 })
  t.equal({ next_one.since, next_one.journal[1].id, next_one.journal[1].cut_off }, { again.since, "thing:a", true })
end)
