--- What the state repository tells people: history, diff, show, as printed, without a host.
local t = require "harness"
local crypto = require "neap.core.crypto"
local log = require "neap.engine.log"
local record = require "neap.engine.record"
local standing = require "neap.engine.standing"
local store = require "neap.core.store"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"

local base = os.tmpname()
os.remove(base)
if sys.stat("/dev/shm") then base = "/dev/shm/neap-" .. base:match("[^/]*$") end
assert(sys.mkdir(base))
local path = base .. "/state.git"
local key = assert(crypto.load_key(base .. "/seal.key", { create = true }))
local st = assert(store.open(path, { create = true }))

local FILE = {
  name = "file", attributes = { content = { type = "string", blob = true }, mode = { type = "mode" } },
}
local SERVICE = { name = "service", attributes = { running = { type = "boolean" } } }

local function resource(rtype, name, line, attrs, meta)
  return {
    type = rtype.name, rtype = rtype, key = name, id = rtype.name .. ":" .. name, attrs = attrs or {}, meta = meta or {},
    where = "playbooks/web.lua:" .. line,
  }
end

-- One run over a host: { { resource, before, after } … }, as commit.run records it.
local clock = 1790000000
local function run(host, list, message, extra)
  local resources, before, observed = {}, {}, {}
  for i, one in ipairs(list) do
    resources[i] = one[1]
    before[one[1].id], observed[one[1].id] = one[2] or false, one[3] or false
  end
  local head = st:head()
  local changes = extra or {}
  record.host(host, head and st:tree(head, "hosts/" .. host) or {}, {
    resources = resources, before = before, observed = observed,
    status = { status = "complete", machine_id = "m-" .. host },
  }, changes, key)
  changes["run.json"] = '{"verb":"apply","hosts":{"' .. host .. '":{"status":"ok","changes":1}}}'
  clock = clock + 3600
  return assert(st:commit {
    parent = head, changes = changes, message = message, author_name = "ann", author_email = "ann@ops", time = clock,
  })
end

local function motd(line, mode, tags)
  return resource(FILE, "/etc/motd", line, { content = "", mode = mode }, { tags = tags })
end
local nginx = resource(SERVICE, "nginx", 9, { running = true }, { restart_on = { "file:/etc/motd" } })
local password = resource(FILE, "/etc/pw", 7, { content = "" })
local up = { running = true }
local function secret(text) return { content = "user=app\npassword=" .. taint.new(text, "db") .. "\n" } end

local first = run("web1", {
  { motd(3, nil, { "page" }), nil, { content = "hello\n", mode = "0644" } },
  { nginx, up, up },
  { password, nil, secret("hunter2hunter2") },
}, "apply site.lua: 2 changes on web1\n\nweb1: ok, 2 changes\n  + file:/etc/motd\n  + file:/etc/pw\n",
  { ["source/playbooks/web.lua"] = "-- web\n\n  file \"/etc/motd\" {\n" })
local second = run("web2", { { nginx, { running = false }, up } },
  "apply site.lua: 1 change on web2\n\nweb2: ok, 1 change\n  ~ service:nginx\n")
local third = run("web1", {
  { motd(5, nil, { "page" }), { content = "hello\n", mode = "0644" }, { content = "hello\nworld\n", mode = "0600" } },
  { nginx, up, up },
  { password, nil, secret("correct horse battery") },
}, "apply site.lua: 3 changes on web1\n\nweb1: ok, 3 changes\n  ~ file:/etc/motd\n  ~ service:nginx (restart)\n",
  { ["source/playbooks/web.lua"] = "-- web\n\n\n\n  file \"/etc/motd\" {\n" })

local function verb(name, args, opts)
  local out, real = {}, sys.write
  sys.write = function(_, text) out[#out + 1] = text return true end
  opts = opts or {}
  opts.args, opts.no_color, opts.state = args, true, path
  local ok, exit = pcall(require("neap.verbs." .. name), opts)
  sys.write = real
  if not ok then error(exit, 0) end
  local text = table.concat(out):gsub("%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d", "WHEN")
  for id, short in pairs { [first] = "FIRST", [second] = "SECOND", [third] = "THIRD" } do
    text = text:gsub(id, short):gsub(id:sub(1, 12), short)
  end
  return text, exit
end

t.case("history: a line a run, newest first, with who and how it ended", function()
  t.equal(verb("history", {}), [[
THIRD  WHEN  ann  apply site.lua: 3 changes on web1  ok
SECOND  WHEN  ann  apply site.lua: 1 change on web2  ok
FIRST  WHEN  ann  apply site.lua: 2 changes on web1  ok
]])
  t.equal(verb("history", {}, { max = 1 }), "THIRD  WHEN  ann  apply site.lua: 3 changes on web1  ok\n")
  t.equal(verb("history", {}, { before = "@1790003600" }), "FIRST  WHEN  ann  apply site.lua: 2 changes on web1  ok\n")
end)

for _, case in ipairs {
  { "web1", first, "pending-rollback" }, { "web1", second, "pending-rollback" }, { "web1", third, nil },
  { "web2", second, nil }, { "web2", first, "pending-rollback" }, { "web2", "genesis", "pending-rollback" },
  { "web1", first, "pending-rollback", "page" },
  { "web1", first, nil, "other" }, { "web1", third, nil, "page" }, { "web1", "genesis", "pending-rollback", "page" },
} do
  t.case(("a rollback%s that has not reached %s is %s"):format(case[4] and " -t " .. case[4] or "", case[1],
      case[3] and "pending" or "none"), function()
    local tags = case[4] and { case[4] }
    local self = { verb = "rollback", target = case[2], opts = { state = path, args = {}, tags = tags } }
    local host = { name = case[1], status = "unreachable", problem = { message = "no answer" } }
    local status = standing.pending(self, host)
    t.equal(status and status.status, case[3])
  end)
end

t.case("a revision before the first one: where those stand that there are", function()
  t.equal(verb("diff", { "HEAD~9", "HEAD" }),
    "'HEAD~9' is no revision of the state repository: `neap history` shows those that there are\n")
end)

t.case("history of a host: who last changed each resource, by which line", function()
  t.equal(verb("history", { "web1" }), [[
THIRD  WHEN  ann  updated    file:/etc/motd  playbooks/web.lua:5
THIRD  WHEN  ann  found      file:/etc/pw    playbooks/web.lua:7
THIRD  WHEN  ann  restarted  service:nginx   playbooks/web.lua:9
]])
  t.equal(verb("history", { "web1" }, { before = "@1790003600" }), [[
FIRST  WHEN  ann  created  file:/etc/motd  playbooks/web.lua:3
FIRST  WHEN  ann  created  file:/etc/pw    playbooks/web.lua:7
FIRST  WHEN  ann  found    service:nginx   playbooks/web.lua:9
]])
end)

t.case("history of a resource: all its changes, with the line as it then was", function()
  t.equal(verb("history", { "web1", "file:/etc/motd" }), [[
THIRD  WHEN  ann  updated  playbooks/web.lua:5: file "/etc/motd" {
    @@ -1 +1,2 @@
     hello
    +world
    mode: 0644 → 0600
FIRST  WHEN  ann  created  playbooks/web.lua:3: file "/etc/motd" {
    @@ -0,0 +1 @@
    +hello
]])
  t.equal(verb("history", { "web1", "service:nginx" }), [[
THIRD  WHEN  ann  restarted  playbooks/web.lua:9
FIRST  WHEN  ann  found  playbooks/web.lua:9
]])
end)

t.case("history: what is not there is said", function()
  t.equal(verb("history", { "wbe1" }), "nothing is recorded of a host 'wbe1' (did you mean 'web1'?)\n")
  t.equal(verb("history", { "web1", "/x" }),
    "'/x' is the key of no resource of 'web1': write TYPE:KEY for one that was there, as in file:/etc/hosts\n")
  t.equal(verb("history", { "web1", "file:/x" }), "nothing is recorded of file:/x\n")
  t.equal(verb("history", {}, { before = "@5" }):gsub("WHEN", "T"), "nothing was recorded before T\n")
end)

t.case("diff: attribute by attribute, a secret known only as another one", function()
  local text, exit = verb("diff", { first, "HEAD" })
  t.equal(exit, 0)
  t.equal(text, [[
web1
  ~ file /etc/motd  playbooks/web.lua:5
    @@ -1 +1,2 @@
     hello
    +world
    mode: 0644 → 0600
  ~ file /etc/pw  playbooks/web.lua:7
    content: <secret:sealed> → <secret:another value>

web2
  ~ service nginx  playbooks/web.lua:9
    running: false → true

0 created, 3 updated, 0 deleted
web2: (not recorded) → complete
]])
  t.equal(verb("diff", { "HEAD", "HEAD" }), "nothing differs\n")
  t.matches(verb("diff", { first, "HEAD" }, { limit = { "web2" } }), "^web2\n  ~ service nginx")
  t.equal(verb("diff", { first, "HEAD" }, { limit = { "db*" } }), "no recorded host matches 'db*'\n")
end)

t.case("diff: the other way round, a record that ends goes back to what was before", function()
  t.matches(verb("diff", { "HEAD", first }, { limit = { "web2" } }),
    "  ~ service nginx.-running: true → false\n    no longer recorded: it is as it was before Neap\n")
end)

t.case("diff: all that is otherwise than before", function()
  t.matches(verb("diff", { "genesis", "HEAD" }, { limit = { "web2" } }),
    "^web2\n  ~ service nginx  .-running: false → true")
  t.matches(verb("diff", { "HEAD", "genesis" }, { limit = { "web2" } }),
    "^web2\n  ~ service nginx  .-running: true → false\n    no longer recorded: it is as it was before Neap\n")
  t.matches(verb("diff", { "HEAD", "genesis" }, { json = true }), '"commit":null,"event":"summary"')
  t.equal(verb("diff", { "genesis", "genesis" }), "nothing differs\n")
end)

t.case("show: what a run changed, what it only found", function()
  local text = verb("show", { first })
  t.matches(text, "^commit FIRST\nWHEN  ann\n\n    apply site.lua: 2 changes on web1\n")
  t.matches(text, "\nweb1\n  %+ file /etc/motd  playbooks/web.lua:3\n    @@ %-0,0 %+1 @@\n    %+hello\n")
  t.matches(text, "  %+ file /etc/pw  playbooks/web.lua:7\n")
  t.matches(text, "2 created, 0 updated, 0 deleted\nweb1: 1 resource recorded for the first time, as found\n")
end)

t.case("show: genesis is no run", function()
  t.equal(verb("show", { "genesis" }), "'genesis' is no revision of the state repository, but what was before the first one: "
    .. "`neap diff genesis` tells what has come since\n")
end)

t.case("for programs: one change an event, the summary last, no secret in it", function()
  local text = verb("diff", { first, "HEAD" }, { json = true })
  t.matches(text, '"event":"change"')
  t.matches(text, '\n{"changes":3,"commit":"THIRD","event":"summary","exit":0,"hosts":{}}\n$')
  t.equal(text:find("hunter2", 1, true) or text:find("battery", 1, true), nil)
  t.matches(verb("history", { "web1" }, { json = true }), '"event":"blame"')
end)

t.case("plain git finds the same", function()
  local pipe = assert(io.popen("git --git-dir=" .. path .. " log --format=%H -- hosts/web1/resources/file/etc/motd.json"))
  t.equal(pipe:read("a"), third .. "\n" .. first .. "\n")
  pipe:close()
end)

-- { what is written, seconds since 1970, in UTC }
for _, case in ipairs {
  { "2026-09-21T14:00:00Z", 1789999200 },
  { "2026-09-21 14:00 +02:00", 1789992000 },
  { "2026-09-21 14:00:30 -0130", 1790004630 },
  { "@17", 17 },
} do
  t.case("a moment: " .. case[1], function() t.equal(require("neap.engine.moment").parse(case[1]), case[2]) end)
end

t.case("a moment: local time, and so long ago", function()
  local moment = require "neap.engine.moment"
  t.equal(moment.text(moment.parse("2026-11-01 12:00")), "2026-11-01 12:00:00")
  t.equal(moment.text(moment.parse("2026-11-01")), "2026-11-01 00:00:00")
  for text, seconds in pairs { ["2 hours ago"] = 7200, ["90m"] = 5400, ["1 day ago"] = 86400 } do
    t.truthy(math.abs(sys.time() - seconds - moment.parse(text)) < 3, text)
  end
end)

for _, text in ipairs { "yesterdayish", "99999999999999999999d", "@99999999999999999999", "2026-13-01", "2026-02-30 12:00", "2026-11-01 25:00", "12:00", "" } do
  t.case("no moment: '" .. text .. "'", function()
    t.raises(function() require("neap.engine.moment").parse(text) end, "is no time: write")
  end)
end

t.case("before: the newest commit that was there", function()
  t.equal(log.before(st, "@" .. clock), third)
  t.equal(log.before(st, "@" .. clock - 1), second)
end)

t.case("history of a resource: a run that put it back is one of its changes, though the record stays as it was", function()
  assert(st:commit {
    parent = third, changes = { ["run.json"] = "{}\n" }, author_name = "ben", author_email = "ben@ops", time = clock + 60,
    message = "apply site.lua: 1 change on web1\n\nweb1: ok, 1 change\n  ~ file:/etc/motd\n",
  })
  t.matches(verb("history", { "web1", "/etc/motd" }), "^%x+  WHEN  ben  updated ")
  t.matches(verb("history", { "web1" }), "^%x+  WHEN  ben  updated +file:/etc/motd ")
  t.truthy(not verb("history", { "web2" }):find("ben"), "it is of another host")
end)

st:close()
os.execute("rm -rf '" .. base .. "'")
