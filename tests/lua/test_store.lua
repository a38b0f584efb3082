local t = require "harness"
local memory = require "neap.core.memory"
local store = require "neap.core.store"
local sys = require "neap.core.sys"

local function sh(command)
  local pipe = assert(io.popen("exec 2>&1; " .. command, "r"))
  local out = pipe:read("a")
  local ok = pipe:close()
  return ok, out
end

-- In memory where there is such a place: the store syncs all it writes.
local base = os.tmpname()
os.remove(base)
if sys.stat("/dev/shm") then base = "/dev/shm/neap-" .. base:match("[^/]*$") end
assert(sys.mkdir(base))
local count = 0
local function scratch()
  count = count + 1
  return base .. "/" .. count .. "/state.git"
end

local function git(path, command)
  local ok, out = sh("git --git-dir=" .. path .. " " .. command)
  if not ok then error("git " .. command .. ": " .. out, 2) end
  return out
end

local function fsck(path) t.equal(git(path, "fsck --strict --no-dangling"):gsub("notice: .-\n", ""), "") end

local function commit(st, changes, message, extra)
  local c = { parent = st:head(), changes = changes, message = message or "m", author_name = "Ann Ops",
    author_email = "ann@example.org", time = 1700000000 }
  for k, v in pairs(extra or {}) do c[k] = v end
  return st:commit(c)
end

t.case("there is no repository, and then there is one, for its owner only", function()
  local path = scratch()
  local st, message, code = store.open(path)
  t.equal({ st, code }, { nil, "notfound" })
  t.matches(message, "cannot open repository '")
  st = assert(store.open(path, { create = true }))
  t.equal(sys.stat(path).mode, 448) -- 0700
  local head, _, why = st:head()
  t.equal({ head, why }, { nil, "notfound" })
  t.equal(git(path, "symbolic-ref HEAD"), "refs/heads/main\n")
  assert(store.open(path)):close()
  st:close()
  t.raises(function() st:head() end, "a store that was closed")
end)

t.case("a clone that lacks history is refused, and taken once it has it", function()
  local from, path = scratch(), scratch()
  local st = assert(store.open(from, { create = true }))
  for i = 1, 2 do commit(st, { ["hosts/a"] = tostring(i) }) end
  st:close()
  assert(sh("git clone -q --bare --depth 1 file://" .. from .. " " .. path))
  local made, message, code = store.open(path, { create = true })
  t.equal({ made, code }, { nil, "usage" })
  t.matches(message, "is a shallow clone, which lacks the history: 'git ")
  assert(sh(message:match("'(git .*)'")))
  st = assert(store.open(path))
  t.equal(#git(path, "rev-list main"), 2 * 41)
  st:close()
end)

t.case("a directory with other things in it is left alone", function()
  local path = scratch()
  sh("mkdir -p " .. path .. " && echo x > " .. path .. "/mine")
  local st, message, code = store.open(path, { create = true })
  t.equal({ st, code }, { nil, "usage" })
  t.matches(message, "holds other things than a state repository")
  t.equal(sys.list_dir(path), { "mine" })
end)

t.case("a repository whose making was cut short is made", function()
  local path = scratch()
  sh("mkdir -p " .. path .. "/objects && touch " .. path .. "/config.lock && echo writing > " .. path .. "/neap.lock")
  local st = assert(store.open(path, { create = true }))
  assert(commit(st, { a = "1" }))
  fsck(path)
end)

t.case("what is committed is read back, by us and by git", function()
  local path = scratch()
  local st = assert(store.open(path, { create = true }))
  local bytes = "line\n\0\255"
  local first = assert(commit(st, { ["hosts/web1/a.json"] = "{}", ["hosts/web1/files/etc/x"] = bytes, run = "1" },
    "web1: first\n\nwhy"))
  t.equal(st:head(), first)
  t.equal(st:read(first, "hosts/web1/files/etc/x"), bytes)
  t.equal(st:tree("HEAD", "hosts/web1"), { ["a.json"] = "{}", ["files/etc/x"] = bytes })
  t.equal(st:tree(first, "nowhere"), {})
  local names = {}
  for i, e in ipairs(st:list("main", "hosts/web1")) do names[i] = e.kind .. " " .. e.name end
  t.equal(names, { "blob a.json", "tree files" })
  t.equal(st:list("main", "hosts/web1/a.json"), {})
  local v, message, code = st:read("main", "hosts")
  t.equal({ v, code }, { nil, "notfound" })
  t.matches(message, "no file 'hosts' in 'main'")
  t.equal(git(path, "log --format='%an <%ae> %at %s'"), "Ann Ops <ann@example.org> 1700000000 web1: first\n")
  t.equal(git(path, "show main:hosts/web1/files/etc/x"), bytes)
  fsck(path)
end)

t.case("the state before the first commit is empty", function()
  local st = assert(store.open(scratch(), { create = true }))
  t.equal(st:tree(nil, ""), {})
  t.equal(st:list(nil, "x"), {})
  t.equal(st:log {}, {})
  t.equal(select(3, st:read(nil, "x")), "notfound")
  t.equal(st:diff(nil, nil), {})
end)

t.case("a commit keeps what it does not name, and drops directories that get empty", function()
  local path = scratch()
  local st = assert(store.open(path, { create = true }))
  assert(commit(st, { ["a/b/c"] = "1", ["a/b-d"] = "2", ["a.x"] = "3", ["z/only"] = "4" }))
  assert(commit(st, { ["z/only"] = false, ["not/there"] = false, ["a/b/e"] = "5", ["a.x"] = "6" }))
  t.equal(st:tree("HEAD", ""), { ["a/b/c"] = "1", ["a/b/e"] = "5", ["a/b-d"] = "2", ["a.x"] = "6" })
  t.equal(git(path, "ls-tree -r --name-only main"), "a.x\na/b-d\na/b/c\na/b/e\n")
  t.equal(git(path, "ls-tree --name-only main"), "a.x\na\n")
  assert(commit(st, { ["a/b/c"] = false, ["a/b/e"] = false, ["a/b-d"] = false, ["a.x"] = false }))
  t.equal(st:tree("HEAD", ""), {})
  fsck(path)
end)

t.case("a file makes room for a directory and back, in one commit", function()
  local path = scratch()
  local st = assert(store.open(path, { create = true }))
  assert(commit(st, { x = "file" }))
  assert(commit(st, { x = false, ["x/y"] = "below" }))
  t.equal(st:tree("HEAD", ""), { ["x/y"] = "below" })
  assert(commit(st, { x = "file again", ["x/y"] = false }))
  t.equal(st:tree("HEAD", ""), { x = "file again" })
  fsck(path)
end)

local not_written = {
  { "an empty component", { ["a//b"] = "1" }, "cannot be a path in git" },
  { "a leading slash", { ["/a"] = "1" }, "cannot be a path in git" },
  { "dot dot", { ["a/../b"] = "1" }, "cannot be a path in git" },
  { ".git, however spelt", { ["a/.GIT/b"] = "1" }, "cannot be a path in git" },
  { "nothing", { [""] = "1" }, "cannot be a path in git" },
  { "a file below a file", { ["f/x"] = "1" }, "'f/x' is recorded as a file: delete it first" },
  { "a file in a directory's place", { d = "1" }, "'d' is recorded as a directory: delete it first" },
  { "both at once", { n = "1", ["n/x"] = "2" }, "'n' is recorded as a directory" },
}
for _, case in ipairs(not_written) do
  t.case("is not written: " .. case[1], function()
    local st = assert(store.open(scratch(), { create = true }))
    local first = assert(commit(st, { f = "file", ["d/x"] = "1" }))
    local id, message, code = commit(st, case[2])
    t.equal({ id, code }, { nil, "usage" })
    t.matches(message, case[3])
    t.equal(st:head(), first)
  end)
end

t.case("a secret is not written", function()
  local st = assert(store.open(scratch(), { create = true }))
  local secret = require "neap.core.taint".new("hunter2", "db")
  t.raises(function() commit(st, { a = "x" .. secret }) end, "'a' holds a secret: seal it first")
  t.raises(function() commit(st, { a = 1 }) end, "neither a string nor false")
  t.raises(function() commit(st, { ["a\0b"] = "" }) end, "holds a NUL")
end)

t.case("an empty path is no place", function()
  local st, message, code = store.open("", { create = true })
  t.equal({ st, code }, { nil, "usage" })
  t.matches(message, "path of the state repository is empty")
end)

t.case("a signer that signs nothing, or fails for want of memory, leaves no commit and no lock", function()
  local st = assert(store.open(scratch(), { create = true }))
  local id, message, code = commit(st, { a = "1" }, nil, { sign = function() return "" end })
  t.equal({ id, message, code }, { nil, "the commit cannot be signed", "io" })
  local long = ("x"):rep(4 << 20)
  collectgarbage()
  memory.limit(memory.used() + (1 << 20))
  local ok
  ok, id, message = pcall(commit, st, { a = "1" }, long, { sign = function() return "signature" end })
  memory.limit(0)
  t.equal({ ok, id, message }, { true, nil, "not enough memory" })
  t.equal(#assert(commit(st, { a = "1" })), 40)
end)

t.case("the branch moves only from where the writer saw it", function()
  local st = assert(store.open(scratch(), { create = true }))
  local first = assert(commit(st, { a = "1" }))
  local second = assert(commit(st, { a = "2" }))
  for _, parent in ipairs { first, false } do
    local id, message, code = st:commit { parent = parent or nil, changes = { a = "3" }, message = "late" }
    t.equal({ id, code }, { nil, "conflict" })
    t.matches(message, "the recorded state has moved from %w+ to " .. second:sub(1, 10))
  end
  t.equal(st:head(), second)
  local fresh = assert(store.open(scratch(), { create = true }))
  t.equal(select(3, fresh:commit { parent = first, changes = {}, message = "m" }), "conflict")
end)

t.case("revisions are named as git names them", function()
  local path = scratch()
  local st = assert(store.open(path, { create = true }))
  local ids = {}
  for i = 1, 3 do ids[i] = assert(commit(st, { a = tostring(i) })) end
  git(path, "tag v1 " .. ids[1])
  for rev, i in pairs { HEAD = 3, ["HEAD~2"] = 1, ["main^"] = 2, v1 = 1, [ids[2]:sub(1, 12)] = 2, [ids[2]] = 2 } do
    t.equal(st:resolve(rev), ids[i], rev)
  end
  for _, rev in ipairs { "nope", "HEAD~9", ("0"):rep(40), "main:a", "", "-x" } do
    local id, message, code = st:resolve(rev)
    t.equal({ id, code }, { nil, "notfound" }, rev)
    t.matches(message, "is no revision of the state repository")
  end
end)

t.case("log: newest first, of one path, at most so many", function()
  local st = assert(store.open(scratch(), { create = true }))
  local a = assert(commit(st, { ["h/x"] = "1", y = "1" }, "one"))
  assert(commit(st, { y = "2" }, "two"))
  local c = assert(commit(st, { ["h/x"] = "2" }, "three"))
  local d = assert(commit(st, { ["h/x"] = false }, "four"))
  local function messages(opts)
    local list = {}
    for i, e in ipairs(assert(st:log(opts))) do list[i] = e.message end
    return table.concat(list, " ")
  end
  t.equal(messages { rev = "HEAD" }, "four three two one")
  t.equal(messages { rev = "HEAD", max = 2 }, "four three")
  t.equal(messages { rev = c, path = "h/x" }, "three one")
  t.equal(messages { rev = "HEAD", path = "h" }, "four three one")
  t.equal(messages { rev = "HEAD", path = "none" }, "")
  t.equal(st:log { rev = "HEAD", max = 1 }[1], { id = d, time = 1700000000, author = "Ann Ops",
    email = "ann@example.org", message = "four", parents = { c } })
  t.equal(st:log { rev = a }[1].parents, {})
  t.equal(select(3, st:log { rev = "nope" }), "notfound")
end)

-- Without the ids, which differ with the case.
local function deltas(list)
  for _, delta in ipairs(list) do delta.old_id, delta.new_id = nil, nil end
  return list
end

t.case("diff: between two revisions, at or below a prefix", function()
  local st = assert(store.open(scratch(), { create = true }))
  local a = assert(commit(st, { ["h/a"] = "1", ["h/b"] = "1", ["hx"] = "1", ["*"] = "1" }))
  local b = assert(commit(st, { ["h/a"] = "2", ["h/b"] = false, ["h/c"] = "3", hx = "2" }))
  local wanted = {
    { path = "h/a", status = "modified", old = "1", new = "2" },
    { path = "h/b", status = "deleted", old = "1" },
    { path = "h/c", status = "added", new = "3" },
  }
  t.equal(deltas(st:diff(a, b, "h")), wanted)
  t.equal(deltas(st:diff(a, b, "h/a")), { wanted[1] })
  t.equal(deltas(st:diff(a, b, "h/c")), { wanted[3] })
  t.equal(#st:diff(a, b), 4)
  t.equal(st:diff(b, b), {})
  t.equal(st:diff(a, b, "*"), {})
  t.equal(st:diff(a, b, "nowhere"), {})
  t.equal(deltas(st:diff(nil, a, "h/a")), { { path = "h/a", status = "added", new = "1" } })
  t.equal(select(3, st:diff(a, "nope")), "notfound")
end)

t.case("diff: without contents, and no deeper than asked", function()
  local st = assert(store.open(scratch(), { create = true }))
  local a = assert(commit(st, { ["h/w1/x/y"] = "1", ["h/w2/x"] = "1", ["h/w3/x"] = "1" }))
  local b = assert(commit(st, { ["h/w1/x/y"] = "2", ["h/w3/x"] = false, ["h/w4/x"] = "1" }))
  local function lines(...)
    local list = {}
    for i, d in ipairs(st:diff(...)) do list[i] = d.path .. " " .. d.status .. (d.old and " content" or "") end
    return list
  end
  t.equal(lines(a, b, "h", { content = false }), { "h/w1/x/y modified", "h/w3/x deleted", "h/w4/x added" })
  t.equal(lines(a, b, "h", { depth = 1 }), { "h/w1 modified", "h/w3 deleted", "h/w4 added" })
  t.equal(lines(a, b, "h", { depth = 2 }), { "h/w1/x modified", "h/w3/x deleted content", "h/w4/x added" })
  local delta = st:diff(a, b, "h/w1/x/y", { content = false })[1]
  t.equal(delta.new_id, "d8263ee9860594d2806b0dfd1bfd17528b0ba2a4")
  t.equal(st:blob(delta.new_id), "2")
  t.equal(select(3, st:blob(("0"):rep(40))), "notfound")
end)

t.case("diff: a file that becomes a directory is two changes", function()
  local st = assert(store.open(scratch(), { create = true }))
  local a = assert(commit(st, { ["h/x"] = "1", ["h/x.y"] = "1" }))
  local b = assert(commit(st, { ["h/x"] = false, ["h/x/y"] = "1" }))
  t.equal(deltas(st:diff(a, b, "h", { content = false })),
    { { path = "h/x", status = "deleted" }, { path = "h/x/y", status = "added" } })
  t.equal(deltas(st:diff(a, b, "h/x")), { { path = "h/x", status = "deleted", old = "1" },
    { path = "h/x/y", status = "added", new = "1" } })
end)

-- Writers in processes of their own: this file's helper commits in a loop.
local writer = base .. "/writer.lua"
assert(sys.write_file(writer, [[
local store = require "neap.core.store"
local path, name, n = arg[1], arg[2], tonumber(arg[3])
local st = assert(store.open(path, { create = true }))
local conflicts, filler = 0, ("x"):rep(2000)
for i = 1, n do
  repeat
    local changes = { ["w/" .. name .. "/" .. i] = name .. i }
    for k = 1, tonumber(arg[4] or 0) do changes["fill/" .. name .. "/" .. k] = filler .. i .. k end
    local id, message, code = st:commit { parent = st:head(), changes = changes, message = name .. " " .. i }
    if not id and code ~= "conflict" then error(message) end
    if not id then conflicts = conflicts + 1 end
  until id
end
print(conflicts)
]], 420))
local program = select(2, sh("readlink -f /proc/$PPID/exe")):gsub("\n", "")

t.case("four writers with 50 commits each lose none", function()
  local path = scratch()
  local ok, out = sh(("for w in a b c d; do timeout 100 %s %s %s $w 50 & done; wait"):format(program, writer, path))
  t.truthy(ok, out)
  local st = assert(store.open(path))
  t.equal(#st:log { rev = "HEAD" }, 200)
  for _, w in ipairs { "a", "b", "c", "d" } do
    for i = 1, 50 do t.equal(st:read("HEAD", "w/" .. w .. "/" .. i), w .. i) end
  end
  fsck(path)
end)

t.case("a writer killed in the middle leaves a repository that the next one writes to at once", function()
  local path = scratch()
  local marks, i, start_s = 0, 0, 0.2
  while marks < 5 and i < 30 do
    i = i + 1
    local st = assert(store.open(path, { create = true }))
    assert(commit(st, { ["before/" .. i] = "1" }))
    local before = st:head()
    sh(("timeout -s KILL %.2f %s %s %s k%d 1000 40"):format(start_s + 0.02 * i, program, writer, path, i))
    if st:head() == before then start_s = math.min(2 * start_s, 5) end -- a loaded machine had not even started it
    if sys.read_file(path .. "/neap.lock") ~= "" then marks = marks + 1 end
    local started = sys.time()
    assert(commit(st, { ["after/" .. i] = "1" }))
    t.truthy(sys.time() - started < 3, "waited for a dead writer")
    st:close()
  end
  fsck(path)
  t.truthy(marks > 0, "no writer was hit in the middle of a commit, the test")
  t.equal(select(2, sh("find " .. path .. " -name '*.lock' ! -name neap.lock -o -name '*_git2_*'")), "")
end)

t.case("git's own lock of a dead process goes, one of a live program is waited for", function()
  local path = scratch()
  local st = assert(store.open(path, { create = true }))
  assert(commit(st, { a = "1" }))
  sh("touch " .. path .. "/refs/heads/main.lock " .. path .. "/objects/tmp_git2_x; echo writing > " .. path .. "/neap.lock")
  assert(commit(st, { a = "2" }))
  t.equal(select(2, sh("cd " .. path .. " && ls refs/heads objects | grep -e lock -e git2; wc -c < neap.lock")), "0\n")
  sh("touch " .. path .. "/refs/heads/main.lock; ( sleep 0.3; rm " .. path .. "/refs/heads/main.lock ) >&- 2>&- &")
  assert(commit(st, { a = "3" }))
  fsck(path)
end)

local OBJECT = "$R/objects/56/a6051ca2b02b04ef92d5150c9ef600403cb1de"
local function packed(bytes)
  return ("python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(%s))' >"):format(bytes) .. OBJECT
end
-- { name, what is done to the repository, what is said }
local damages = {
  { "a content that is gone", "rm $R/objects/56/a6051ca2b02b04ef92d5150c9ef600403cb1de", "damaged: 'git fsck'" },
  { "one cut to 5 bytes", "truncate -s 5 " .. OBJECT, "cut short.*damaged: 'git fsck'" },
  { "one cut to nothing", "truncate -s 0 " .. OBJECT, "cut short.*damaged: 'git fsck'" },
  { "one without its last byte", "truncate -s -1 " .. OBJECT, "cut short.*damaged: 'git fsck'" },
  { "one that is longer than it says", packed 'b"blob 1\\0" + b"x" * 40', "longer than it says.*damaged" },
  { "one that says more than it holds", packed 'b"blob 9\\0" + b"x"', "not as long as it says.*damaged" },
  { "one that says what cannot be", packed 'b"blob 999999999\\0x"', "larger than it can be.*damaged" },
  { "one that says nothing", packed 'b"x" * 99', "does not say what it is.*damaged" },
  { "one overwritten", "echo 'what is this doing here?' >$R/objects/56/a6051ca2b02b04ef92d5150c9ef600403cb1de", "damaged: 'git fsck'" },
  { "a torn branch", "truncate -s 7 $R/refs/heads/main", "damaged: 'git fsck'" },
}
for _, case in ipairs(damages) do
  t.case("damaged is said, and what to do: " .. case[1], function()
    local path = scratch()
    local st = assert(store.open(path, { create = true }))
    local head = assert(commit(st, { ["a/b"] = "1" }))
    st:close()
    sh("chmod -R u+w " .. path .. "; R=" .. path .. "; " .. case[2])
    st = assert(store.open(path))
    local _, said = st:read(head, "a/b")
    if case[1] == "a torn branch" then _, said = st:head() end
    t.matches(said, case[3])
    st:close()
  end)
end

t.case("a damaged loose object is no matter where a pack has it too", function()
  local path = scratch()
  local st = assert(store.open(path, { create = true }))
  local head = assert(commit(st, { ["a/b"] = "1" }))
  st:close()
  sh("cd " .. path .. " && git repack -q -a && chmod -R u+w objects && truncate -s 5 objects/56/a6051ca2b02b04ef92d5150c9ef600403cb1de")
  st = assert(store.open(path))
  t.equal(st:read(head, "a/b"), "1")
  assert(commit(st, { ["a/c"] = "2" }))
  st:close()
end)

t.case("a full disk: it is said, nothing is torn, and with room again it goes on", function()
  local script = base .. "/full.lua"
  assert(sys.write_file(script, [[
local store = require "neap.core.store"
local st = assert(store.open(arg[1] .. "/state.git", { create = true }))
local filler, said = {}, nil
for i = 1, 40000 do filler[i] = ("%08x"):format(i * 2654435761 % 4294967296) end
for i = 1, 100 do
  local id, message = st:commit { parent = st:head(), changes = { ["x" .. i] = table.concat(filler) .. i }, message = "m" }
  if not id then said = message break end
end
print(said)
os.remove(arg[1] .. "/ballast")
print((st:commit { parent = st:head(), changes = { small = "1" }, message = "m" }))
]], 420))
  local _, out = sh(([[unshare -m sh -c 'mkdir -p %s/full && mount -t tmpfs -o size=2m none %s/full || exit 9
head -c 500000 /dev/zero >%s/full/ballast
%s %s %s/full; git --git-dir=%s/full/state.git fsck --strict --no-dangling; echo fsck $?']]):format(base, base, base, program,
    script, base, base))
  if not out:find("fsck %d") then return end -- not allowed to mount here
  t.matches(out, "No space left on device")
  t.matches(out, "\n%x+\n.*fsck 0")
end)

sh("rm -rf " .. base)
