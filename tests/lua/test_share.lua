--- Two people and one remote: nothing that either has recorded is lost.
local t = require "harness"
local loop = require "neap.core.loop"
local destination = require "neap.engine.destination"
local project = require "neap.engine.project"
local share = require "neap.engine.share"
local store = require "neap.core.store"
local sys = require "neap.core.sys"

local function sh(command)
  local pipe = assert(io.popen("exec 2>&1; " .. command, "r"))
  local out = pipe:read("a")
  return pipe:close(), out
end

local base = os.tmpname()
os.remove(base)
if sys.stat("/dev/shm") then base = "/dev/shm/neap-" .. base:match("[^/]*$") end
assert(sys.mkdir(base))
local count = 0

-- A remote and two repositories beside it that know it.
local function people()
  count = count + 1
  local at = base .. "/" .. count
  assert(sh(("mkdir -p %s/ann %s/bob && git init -q --bare -b main %s/remote.git"):format(at, at, at)))
  local who = {}
  for _, name in ipairs { "ann", "bob" } do
    local path = ("%s/%s/state.git"):format(at, name)
    store.open(path, { create = true }):close()
    assert(sh(("git --git-dir=%s remote add origin %s/remote.git"):format(path, at)))
    who[name] = { path = path, name = name, opts = { state = path } }
  end
  return who.ann, who.bob, at .. "/remote.git"
end

-- As a run does it: fetch, record, push. Returns what share.publish does, and what was complained of.
local function run(one, changes, opts)
  local said = {}
  local self = {
    opts = { state = one.path, offline = opts and opts.offline },
    ui = { status = function() end, done = function() end, err = function(_, text) said[#said + 1] = text end },
  }
  local id, problem
  local ok, wrong
  local ended, why = loop.run(function() ok, wrong = pcall(function()
    one.met = not (opts and opts.fetched) and share.fetch(self, opts and opts.optional) or nil
    if changes then
      local st <close> = store.open(one.path)
      id = assert(st:commit { parent = st:head(), changes = changes, message = one.name .. "\n", author_name = one.name })
    end
    id, problem = share.publish(self, id)
  end) end)
  if not ended then error(why, 0) end
  if not ok then error(wrong, 0) end
  return id, problem, table.concat(said, "\n")
end

local function tree(path)
  local st <close> = store.open(path)
  return st:tree("HEAD", "")
end

local function fsck(path)
  local _, out = sh("git --git-dir=" .. path .. " fsck --strict --no-dangling")
  t.equal(out:gsub("notice: .-\n", ""), "")
end

local function log(path)
  local _, out = sh("git --git-dir=" .. path .. " log --format=%an main")
  return (out:gsub("\n", " "))
end

t.case("what one has recorded, the other has at his next run", function()
  local ann, bob, remote = people()
  run(ann, { ["hosts/a/x"] = "1" })
  run(bob, { ["hosts/b/x"] = "1" })
  t.equal(tree(remote), { ["hosts/a/x"] = "1", ["hosts/b/x"] = "1" })
  run(ann)
  t.equal(tree(ann.path), tree(remote))
  t.equal(log(remote), "bob ann ")
  fsck(remote)
end)

-- What a rollback by `name` says and how it ends, when Ann's second run comes in as it begins; or a run that died.
local function back(name, verb, died)
  local ann, bob = people()
  run(ann, { ["hosts/a/x"] = "1" })
  run(bob, { ["hosts/b/x"] = "1" })
  run(ann, { ["hosts/a/x"] = "2" })
  local opts, said = { state = bob.path, args = { name } }, {}
  local session = { verb = verb, opts = opts, ui = {
    err = function(_, text) said[#said + 1] = text end, clean = function(_, text) return text end } }
  destination.note(session)
  run(bob, died and { ["hosts/b/x"] = "2" }, { fetched = died, offline = died })
  session.recovered, session.came_in = died and { { verb = "apply", by = "bob@ctl", time = 0 } }, not died
  local st <close> = store.open(bob.path)
  local ok, problem = pcall(function() destination.hold(session, st, destination.of(st, opts)) end)
  return ok and table.concat(said) or problem.code .. ": " .. problem.message
end

for _, case in ipairs {
  { "a relative name that is another commit now", "HEAD~1", "rollback",
    "^stale: nothing was changed: 'HEAD~1' was %x+: [^\n]*, ann: ann\nand is, [^\n]*, %x+: [^\n]*, bob: bob\nsee `neap h" },
  { "what a run has left that died", "HEAD", "rollback", "^stale: [^\n]*'HEAD' was %x+: [^\n]*, bob: bob\nand is, since "
    .. "the apply of bob@ctl, begun %d+%-[^,]*, that died was recorded first, %x+: [^\n]*\nsee `neap history`, and name the "
    .. "commit: `neap rollback %x+` goes", true },
  { "the same, of a plan", "HEAD~1", "plan", "^'HEAD~1' was %x+" },
  { "what was before neap", "genesis", "rollback", "^$" },
  { "a name that was none before", "HEAD~2", "rollback", "^$" },
} do
  t.case("rolling back while others record: " .. case[1], function() t.matches(back(case[2], case[3], case[5]), case[4]) end)
end

t.case("what others have recorded since is told as it comes in, also to one who only looks", function()
  local ann, bob = people()
  run(ann, { ["hosts/a/x"] = "1" })
  t.equal(select(3, run(bob)), "") -- he has nothing yet that it could have moved
  run(ann, { ["hosts/a/x"] = "2" })
  t.matches(select(3, run(bob, nil, { optional = true })), "^others have recorded since: HEAD was %x+ and is %x+ ")
  t.equal(select(3, run(bob)), "")
end)

t.case("two at once on different hosts: one commit follows the other", function()
  local ann, bob, remote = people()
  run(ann, { ["hosts/a/x"] = "1", ["run.json"] = "ann" })
  run(bob)
  run(ann, { ["hosts/a/x"] = "2", ["run.json"] = "ann 2" })
  local id, problem = run(bob, { ["hosts/b/x"] = "1", ["run.json"] = "bob" }, { fetched = true })
  t.equal(problem, nil)
  t.equal(tree(remote), { ["hosts/a/x"] = "2", ["hosts/b/x"] = "1", ["run.json"] = "bob" })
  t.equal(log(remote), "bob ann ann ")
  local st <close> = store.open(bob.path)
  t.equal(id, st:head())
end)

t.case("two at once on one host: theirs stands, ours is kept, and it is said", function()
  local ann, bob, remote = people()
  run(ann, { ["hosts/a/r/x.json"] = "1", ["hosts/a/r/y.json"] = "1" })
  run(bob)
  run(ann, { ["hosts/a/r/x.json"] = "ann" })
  local _, problem = run(bob, { ["hosts/a/r/x.json"] = "bob", ["hosts/a/genesis/z"] = "bob" }, { fetched = true })
  t.equal(problem.code, "locked")
  t.matches(problem.message, "^a: recorded by somebody else .* run again")
  t.equal(tree(remote), { ["hosts/a/r/x.json"] = "ann", ["hosts/a/r/y.json"] = "1", ["hosts/a/genesis/z"] = "bob" })
  local _, kept = sh("git --git-dir=" .. remote .. " for-each-ref --format='%(refname)' refs/neap/kept")
  t.matches(kept, "^refs/neap/kept/%x+\n$")
  local _, text = sh(("git --git-dir=%s show %s:hosts/a/r/x.json"):format(remote, kept:gsub("\n", "")))
  t.equal(text, "bob")
end)

t.case("two without the remote on one host: the next run is refused, and the one after it goes on", function()
  local ann, bob, remote = people()
  run(ann, { ["hosts/a/r/x.json"] = "1" })
  run(bob)
  run(bob, { ["hosts/a/r/x.json"] = "bob" }, { offline = true })
  run(ann, { ["hosts/a/r/x.json"] = "ann" })
  local ok, wrong = pcall(run, bob, { ["hosts/a/r/x.json"] = "bob 2" })
  t.equal({ ok, type(wrong) == "table" and wrong.code }, { false, "locked" })
  t.matches(wrong.message, "^a: recorded by somebody else, and here before .*; nothing was changed: see `neap history`, and run again")
  t.equal({ tree(remote)["hosts/a/r/x.json"], tree(bob.path)["hosts/a/r/x.json"] }, { "ann", "ann" })
  run(bob, { ["hosts/a/r/x.json"] = "bob 2" })
  t.equal(tree(remote)["hosts/a/r/x.json"], "bob 2")
  local _, kept = sh("git --git-dir=" .. remote .. " for-each-ref --format='%(refname)' refs/neap/kept")
  t.matches(kept, "^refs/neap/kept/%x+\n$")
  run(bob, { ["hosts/a/r/x.json"] = "bob 3" }, { offline = true })
  run(ann, { ["hosts/a/r/x.json"] = "ann 3" })
  local _, _, said = run(bob, nil, { optional = true })
  t.matches(said, "\na: recorded by somebody else, and here before .*refs/neap/kept%)$", "a plan says it and goes on")
  t.equal(bob.met and bob.met.code, "locked")
end)

t.case("a remote that does not answer is said before anything is changed; --offline goes on", function()
  local ann, _, remote = people()
  run(ann, { ["hosts/a/x"] = "1" })
  os.rename(remote, remote .. ".away")
  t.raises(function() run(ann, { ["hosts/a/x"] = "2" }) end, "cannot be reached; nothing was changed, %-%-offline")
  t.equal(tree(ann.path), { ["hosts/a/x"] = "1" })
  local _, problem, said = run(ann, { ["hosts/a/x"] = "3" }, { offline = true })
  t.equal(problem, nil)
  t.matches(said, "not shared")
  _, problem, said = run(ann, nil, { optional = true })
  t.matches(said, "what others have recorded is not known")
  t.equal(problem.code, "store")
  t.matches(problem.message, "recorded here, but not shared")
  os.rename(remote .. ".away", remote)
  run(ann)
  t.equal(tree(remote), { ["hosts/a/x"] = "3" })
end)

t.case("a remote that refuses is told in its own words, and soon", function()
  local ann, _, remote = people()
  assert(sys.write_file(remote .. "/hooks/pre-receive", "#!/bin/sh\necho only signed commits here >&2\nexit 1\n", 493))
  local _, problem = run(ann, { ["hosts/a/x"] = "1" })
  t.matches(problem.message, "recorded here, but not shared: .*only signed commits here")
  t.equal(tree(ann.path), { ["hosts/a/x"] = "1" })
end)

t.case("the remote of another project is refused", function()
  local ann, bob, remote = people()
  run(ann, { ["hosts/a/x"] = "1" })
  local st <close> = store.open(bob.path)
  assert(st:commit { changes = { ["hosts/a/x"] = "2" }, message = "bob" })
  t.raises(function() run(bob) end, "holds another history than '.*', and of host 'a' both have records")
  t.equal(tree(remote), { ["hosts/a/x"] = "1" })
end)

-- What the first commit of one adds, that the key is known again.
local function with_key(one, changes)
  local st <close>, key = project.create(one.opts)
  for path, text in pairs(project.check_of(st, st:head(), key)) do changes[path] = text end
  return changes
end

local function neap(one, verb, words)
  local neap_program = os.getenv("NEAP") or "neap"
  local dir = one.path:match("^(.*)/")
  assert(sys.write_file(dir .. "/site.lua", 'file "/tmp/x" { content = "" }\n', 420))
  assert(sys.write_file(dir .. "/inventory.lua", 'return { hosts = { h = { address = "127.0.0.1", port = 1 } } }\n', 420))
  local _, out = sh(("cd %s && %s %s %s --state %s -i inventory.lua; echo exit $?"):format(dir, neap_program, verb, words,
    one.path))
  return out
end

t.case("a key that is not the repository's is found out before any host is connected to", function()
  local ann, bob = people()
  run(ann, with_key(ann, { ["hosts/h/x"] = "1" }))
  run(bob)
  local key_path = bob.path:gsub("state.git$", "seal.key")
  for _, verb in ipairs { "plan site.lua", "apply -y site.lua", "rollback -y HEAD", "drift" } do
    os.remove(key_path)
    local out = neap(bob, verb, "")
    t.matches(out, "its key is not here: copy '.*/bob/seal.key' from a colleague.*exit 1\n$", verb)
    t.truthy(not out:find("127.0.0.1", 1, true), out)
    t.equal(sys.stat(key_path), nil)
    project.create(bob.opts):close()
    t.matches(neap(bob, verb, ""), "bob/seal.key' is not the key of this state repository: .*exit 1\n$", verb)
  end
  assert(sh(("cp %s %s"):format(ann.path:gsub("state.git$", "seal.key"), key_path)))
  t.matches(neap(bob, "plan site.lua", ""), "exit 4\n$") -- the host is not there, but that is all
end)

t.case("two who begin at once with a key each are told, and nothing is mixed", function()
  local ann, bob, remote = people()
  run(ann, with_key(ann, { ["hosts/a/x"] = "1" }))
  local st <close> = store.open(bob.path)
  local ours = assert(st:commit { changes = with_key(bob, { ["hosts/b/x"] = "1" }), message = "bob" })
  t.raises(function() run(bob) end, "bob/seal.key' is not the key of this state repository")
  t.equal({ st:head(), tree(remote)["hosts/b/x"] }, { ours, nil })
end)

t.case("somebody who is about to push is waited for", function()
  local ann, _, remote = people()
  run(ann, { ["hosts/a/x"] = "1" })
  local lock = remote .. "/refs/heads/main.lock"
  assert(sh((": >%s; (sleep 2; rm %s) >/dev/null 2>&1 &"):format(lock, lock)))
  local _, problem = run(ann, { ["hosts/a/x"] = "2" })
  t.equal(problem, nil)
  t.equal(tree(remote), { ["hosts/a/x"] = "2" })
end)

local ROUNDS = tonumber(os.getenv("SHARE_ROUNDS")) or 5
local writer = base .. "/writer.lua"
assert(sys.write_file(writer, ([[
package.path = %q .. ";" .. package.path
local loop, share, store = require "neap.core.loop", require "neap.engine.share", require "neap.core.store"
local path, name = arg[1], arg[2]
local nothing = function() end
local self = { opts = { state = path }, ui = { status = nothing, done = nothing, err = function(_, s)
  if not s:find "^others have recorded since" then print(s) end
end } }
for i = 1, tonumber(arg[3]) do
  local ok, wrong
  loop.run(function() ok, wrong = pcall(function()
    share.fetch(self)
    local st = store.open(path)
    local id = assert(st:commit { parent = st:head(), message = name .. " " .. i, author_name = name,
      changes = { ["hosts/" .. name .. "/x/" .. i] = "1", ["run.json"] = name .. i } })
    st:close()
    local _, problem = share.publish(self, id)
    if problem then error(problem, 0) end
  end) end)
  if not ok then error(tostring(wrong), 0) end
end
]]):format(package.path), 420))
local program = select(2, sh("readlink -f /proc/$PPID/exe")):gsub("\n", "")

t.case(("two clones, %d rounds at once: no commit is lost"):format(ROUNDS), function()
  local ann, bob, remote = people()
  local ok, out = sh(("for w in %s:ann %s:bob; do timeout 250 %s %s ${w%%:*} ${w#*:} %d || echo failed & done; wait")
    :format(ann.path, bob.path, program, writer, ROUNDS))
  t.truthy(ok, out)
  t.equal(out, "")
  local found = tree(remote)
  for _, name in ipairs { "ann", "bob" } do
    for i = 1, ROUNDS do t.equal(found[("hosts/%s/x/%d"):format(name, i)], "1", name .. i) end
  end
  t.equal(select(2, log(remote):gsub("%a+", "")), 2 * ROUNDS)
  fsck(remote)
  fsck(ann.path)
end)

sh("rm -rf " .. base)
