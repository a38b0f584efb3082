--- What was recorded can be read back: states, options, order, secrets.
local t = require "harness"
local crypto = require "neap.core.crypto"
local fake = require "fake_host"
local json = require "neap.core.json"
local entry_of = require "neap.engine.entry"
local record = require "neap.engine.record"
local recorded = require "neap.engine.recorded"
local recorded_change = require "neap.engine.recorded_change"
local store = require "neap.core.store"
local taint = require "neap.core.taint"

local dir = os.tmpname()
os.remove(dir)
local st = assert(store.open(dir .. "/state.git", { create = true }))
local key = assert(crypto.load_key(dir .. "/seal.key", { create = true }))

local rtype = {
  name = "note", key = "path",
  attributes = {
    text = { type = "string", blob = true }, size = { type = "integer" }, names = { type = "list" },
    grants = { type = "map" }, match = { type = "string", option = true }, env = { type = "map", option = true },
    made = { type = "string", option = true, recorded = false },
    pages = { type = "list", option = true, describes = "size" },
  },
}
local types = { get = function(_, name) return name == "note" and rtype or nil end }

local function resource(path, attrs, meta)
  local made = fake.resource(path, attrs, meta, rtype)
  made.absent = attrs == nil or attrs.absent
  return made
end

-- Commits what a run over `list` would record; `found` and `before` by path.
local function keep(list, found, before)
  local observed, genesis = {}, {}
  for _, one in ipairs(list) do
    observed[one.id], genesis[one.id] = found[one.key], before and before[one.key] or false
  end
  local changes, head = {}, st:head()
  record.host("web1", head and st:tree(head, "hosts/web1") or {},
    { resources = list, observed = observed, before = genesis, status = { status = "complete" } }, changes, key)
  return assert(st:commit {
    parent = head, changes = changes, message = "m", author_name = "a", author_email = "a@b", time = 1,
  })
end

local function read(rev) return recorded.host(st, rev, "web1", key) end

t.case("nothing is recorded of a host that no run has seen", function()
  t.equal(recorded.host(st, nil, "web1", key), { resources = {}, order = {}, brought = {} })
end)

local secret = taint.wrap("hunter2", "the password")
local first = keep({
  resource("/b", { text = "x\n", match = "^x", made = "of others" }, { tags = { "t" }, validate = "true" }),
  resource("/a", { text = secret, env = { PW = secret, LANG = "C" } }),
  resource("/gone", nil),
}, {
  ["/b"] = { text = "x\n", size = 2, names = { "n" }, grants = { file = "f" } }, ["/a"] = { text = secret }, ["/gone"] = false,
}, { ["/b"] = { text = "before\n" } })

t.case("states come back whole, texts from their files", function()
  local b = read(first).resources["note:/b"]
  t.equal(b.state, { text = "x\n", size = 2, names = { "n" }, grants = { file = "f" } })
  t.equal(b.genesis, { text = "before\n" })
  t.equal({ b.options, b.managed, b.meta }, { { match = "^x" }, { text = true }, { tags = { "t" }, validate = "true" } })
end)

t.case("what is sealed is a secret again, in options too, and nothing without the key", function()
  local a = read(first).resources["note:/a"]
  t.truthy(taint.is(a.state.text) and taint.is(a.options.env.PW))
  t.equal({ taint.reveal(a.state.text), taint.reveal(a.options.env.PW), a.options.env.LANG }, { "hunter2", "hunter2", "C" })
  t.equal(a.genesis, false)
  t.raises(function() recorded.host(st, first, "web1") end, "the key that opens it is not here")
end)

t.case("absent is false, and not nil", function() t.equal(read(first).resources["note:/gone"].state, false) end)

t.case("the order is that of the run", function()
  t.equal(read(first).order, { "note:/b", "note:/a", "note:/gone" })
end)

t.case("a run over a part keeps what it left out where it was", function()
  local rev = keep({ resource("/new", { size = 1 }), resource("/gone", nil) }, { ["/new"] = { size = 1 }, ["/gone"] = false })
  t.equal(read(rev).order, { "note:/b", "note:/a", "note:/new", "note:/gone" })
end)

t.case("what has gone back to before Neap leaves no record, no text, no place in the order", function()
  local leaving = resource("/b", { text = "before\n" })
  leaving.left = true
  local rev = keep({ leaving }, { ["/b"] = { text = "before\n" } })
  local tree = st:tree(rev, "hosts/web1")
  for _, path in ipairs { "resources/note/b.json", "genesis/resources/note/b.json", "blobs/note/b.text", "genesis/blobs/note/b.text" } do
    t.equal(tree[path], nil, path)
  end
  t.equal(read(rev).order, { "note:/a", "note:/new", "note:/gone" })
end)

t.case("a recorded resource is wanted whole and recorded again byte by byte", function()
  local list = {}
  local old = read(first)
  for _, id in ipairs(old.order) do list[#list + 1] = recorded.wanted(old.resources[id], types) end
  t.equal({ list[1].attrs.size, list[1].attrs.match, list[3].absent }, { 2, "^x", true })
  local before = st:tree(first, "hosts/web1/resources")
  local rev = keep(list, { ["/b"] = old.resources["note:/b"].state, ["/a"] = { text = secret }, ["/gone"] = false })
  local after = st:tree(rev, "hosts/web1/resources")
  for path, bytes in pairs(before) do t.equal(after[path], bytes, path) end
end)

t.case("what was said of another thing than the one that is there is not recorded with it", function()
  local said = resource("/said", { size = 2, pages = { "two" }, match = "^x" })
  local function options() return read(st:head()).resources["note:/said"].options end
  keep({ said }, { ["/said"] = { size = 1 } }) -- a run that failed
  t.equal(options(), { match = "^x" })
  keep({ said }, { ["/said"] = { size = 2 } })
  t.equal(options(), { match = "^x", pages = { "two" } })
  local again = recorded.wanted(read(st:head()).resources["note:/said"], types)
  keep({ again }, { ["/said"] = { size = 2 } })
  t.equal(options(), { match = "^x", pages = { "two" } })
  keep({ again }, { ["/said"] = false })
  t.equal(options(), { match = "^x", pages = { "two" } })
  keep({ again }, { ["/said"] = { size = 1 } }) -- by another resource
  t.equal(options(), { match = "^x" })
end)

t.case("to genesis: absent where there was nothing, what was there otherwise", function()
  local old = read(first)
  local gone = recorded.to_genesis(old.resources["note:/a"], types)
  t.equal({ gone.absent, gone.leaves }, { true, true })
  local back = recorded.to_genesis(old.resources["note:/b"], types)
  t.equal({ back.absent, back.attrs }, { false, { text = "before\n", match = "^x" } })
end)

t.case("what the playbook no longer names stays recorded, and what it names first is kept as it was", function()
  local note = resource("/c", { size = 1 })
  keep({ note }, { ["/c"] = { size = 1 } }, { ["/c"] = { size = 9 } })
  local second = keep({ resource("/c", { text = "new\n" }) }, { ["/c"] = { text = "new\n" } }, { ["/c"] = { text = "old\n" } })
  local c = read(second).resources["note:/c"]
  t.equal({ c.state, c.genesis, c.first }, { { size = 1, text = "new\n" }, { size = 9, text = "old\n" }, { text = "old\n" } })
  local third = keep({ resource("/c", nil) }, { ["/c"] = false }, { ["/c"] = { size = 1, text = "new\n", names = { "n" } } })
  c = read(third).resources["note:/c"]
  t.equal({ c.state, c.genesis }, { false, { size = 9, text = "old\n", names = { "n" } } })
  local tree = st:tree(third, "hosts/web1")
  t.equal({ tree["blobs/note/c.text"], tree["genesis/blobs/note/c.text"] }, { nil, "old\n" })
end)

t.case("what comes back by a rollback was not what stands in its place meanwhile", function()
  local again = resource("/f", nil)
  again.as_recorded = { genesis = false, entry = {} }
  local rev = keep({ again }, { ["/f"] = false }, { ["/f"] = { occupied = "symlink" } })
  t.equal(read(rev).resources["note:/f"].genesis, false)
end)

t.case("what was made anew has nothing of what was there before", function()
  keep({ resource("/d", { size = 1, text = "x" }) }, { ["/d"] = { size = 1, text = "x" } })
  local rev = keep({ resource("/d", { size = 2 }) }, { ["/d"] = { size = 2 } }, { ["/d"] = false })
  t.equal(read(rev).resources["note:/d"].state, { size = 2 })
end)

t.case("two kinds of things at one path do not share a text", function()
  local file = { name = "file", key = "path", attributes = { content = { type = "string", blob = true } } }
  local link = { name = "symlink", key = "path", attributes = { content = { type = "string", blob = true } } }
  local of_file = fake.resource("/e", { content = "a" }, {}, file)
  local of_link = fake.resource("/e", { content = "b" }, {}, link)
  keep({ of_file, of_link }, { ["/e"] = { content = "a" } })
  of_link.left = true
  local rev = keep({ of_link }, {})
  t.equal(st:tree(rev, "hosts/web1")["files/e"], "a")
end)

t.case("a type that is not here is named", function()
  local entry = read(first).resources["note:/a"]
  t.raises(function() recorded.wanted(entry, { get = function() end }) end, "no resource type 'note' is here")
end)

for _, text in ipairs { '{}', '{"type":1,"key":"x"}', '{"type":"note","key":"x","state":1}',
  '{"type":"note","key":"x","meta":"m"}' } do
  t.case("a damaged record is named: " .. text, function()
    local rev = assert(st:commit {
      parent = st:head(), changes = { ["hosts/web2/resources/note/x.json"] = text }, message = "m", author_name = "a",
      author_email = "a@b", time = 1,
    })
    t.raises(function() recorded.host(st, rev, "web2", key) end, "note/x.json' in the state repository is not the record")
  end)
end

t.case("a record that is not ours is said to be none", function()
  local rev = assert(st:commit {
    parent = st:head(), changes = { ["hosts/web1/order.json"] = "oops" }, message = "m", author_name = "a",
    author_email = "a@b", time = 1,
  })
  t.raises(function() read(rev) end, "order.json' in the state repository is not what neap has written")
end)

-- { what was pushed, its files below hosts/web3/, what is said }
local DIGEST = crypto.sha256("x\n")
for _, case in ipairs {
  { "a record under another's name", { ["resources/note/etc/a.json"] = '{"type":"note","key":"/etc/b"}' }, "a.json' in .* is not the record" },
  { "a genesis of another", { ["resources/note/a.json"] = '{"type":"note","key":"/a"}', ["genesis/resources/note/a.json"] = '{"type":"note","key":"/b"}' },
    "genesis/resources/note/a.json' in .* is not the record" },
  { "a type that is no name", { ["resources/../note/a.json"] = '{"type":"../note","key":"/a"}' }, "is not the record" },
  { "what it watches is no list", { ["resources/note/a.json"] = '{"type":"note","key":"/a","meta":{"restart_on":"x"}}' }, "is not the record" },
  { "a text that is not the recorded one", {
    ["resources/note/a.json"] = '{"type":"note","key":"/a","state":{"text":{"file":"blobs/x","sha256":"' .. DIGEST .. '","bytes":2}}}',
    ["blobs/x"] = "y\n" }, "'blobs/x' is not the one that was recorded" },
  { "a text by no name", { ["resources/note/a.json"] = '{"type":"note","key":"/a","state":{"text":{"file":1,"sha256":"","bytes":2}}}' }, "its text '1' is missing" },
  { "a seal that is no text", { ["resources/note/a.json"] = '{"type":"note","key":"/a","state":{"text":{"sealed":{}}}}' }, "is not what neap has written" },
  { "an order of no ids", { ["order.json"] = "[1]" }, "order.json' in .* is not what neap has written" },
  { "a status of numbers", { ["status.json"] = '{"status":1}' }, "hosts/web3/status.json' in .* is not what neap has written" },
} do
  t.case("refused: " .. case[1], function()
    local pushed = { tree = function() return case[2] end }
    t.raises(function() recorded.host(pushed, "rev", "web3", key) end, case[3])
  end)
end

-- What a type is told of a record of a "note" with this state.
local function told(state)
  local pushed = { tree = function() return { ["resources/note/a.json"] = '{"type":"note","key":"/a","state":' .. state .. "}" } end }
  return recorded.wanted(recorded.host(pushed, "rev", "web3", key).resources["note:/a"], types).attrs
end

t.case("refused: a value that its type does not take", function()
  t.raises(function() told '{"size":"1; reboot"}' end, "note:/a: 'size' as it is recorded wants an integer")
end)

t.case("refused: a value that may be declared, but not in that form", function()
  rtype.attributes.grants.kept = function(grants) return type(grants.a) == "string" end
  t.equal(told '{"grants":{"a":"b"}}', { grants = { a = "b" } })
  t.raises(function() told '{"grants":{"a":[]}}' end, "'grants' as it is recorded is not in the form that neap gives it")
end)

t.case("refused: a record without what all of its type have", function()
  rtype.always_names = { "size" }
  t.raises(function() told '{"names":[]}' end, "note:/a: 'size' as it is recorded is missing")
  t.equal(told "null", {})
end)

st:close()
os.execute("rm -rf " .. dir)

local function side(files)
  local text = json.encode { type = "release", key = "/srv/app", state = { id = "1" }, options = { files = files } }
  return { read = function(path) return path == "resources/release/srv/app.json" and text or nil end }
end

t.case("of a long text that was said of a resource, its digest is shown", function()
  local change = recorded_change("resources/release/srv/app.json", side { a = "short", b = "one\ntwo\n" },
    side { a = "short", b = ("x"):rep(100) })
  t.equal(change.notes, {
    "files: [a=short, b=8 bytes, sha256 " .. crypto.sha256("one\ntwo\n"):sub(1, 12) .. "…] → [a=short, b=100 bytes, sha256 "
      .. crypto.sha256(("x"):rep(100)):sub(1, 12) .. "…]",
  })
end)

local function said(managed, tags)
  local text = json.encode {
    type = "note", key = "a", state = { size = 1 }, managed = json.array(managed), meta = { tags = tags },
  }
  return { read = function(path) return path == "resources/note/a.json" and text or nil end }
end

t.case("which attributes are managed is recorded, and no news", function()
  local path = "resources/note/a.json"
  t.equal(recorded_change(path, said { "size" }, said { "names", "size" }), nil)
  t.equal(recorded_change(path, said { "size" }, said({ "names", "size" }, { "x" })).notes, { "tags: (none) → x" })
end)

t.case("a key that git would take for its own folder is recorded under another name", function()
  local odd = assert(store.open(dir .. "/odd.git", { create = true }))
  local changes = {}
  for _, name in ipairs {
    ".", "..", ".git", ".GIT", ".git ", ".git.", ".git:x", ".git\\x", "git~1", "GIT~1 .", ".g\u{200c}it", "\u{feff}.git",
  } do
    for _, name_of in ipairs { name, "/etc/" .. name } do
      changes["hosts/web1/" .. entry_of.path("note", name_of)] = "{}\n"
      changes["hosts/web1/files/" .. entry_of.path("note", name_of):gsub("%.json$", "")] = "x\n"
    end
  end
  local made = { parent = nil, changes = changes, message = "m", author_name = "n", author_email = "e", time = 1700000000 }
  t.truthy(assert(odd:commit(made)), "a commit")
  t.truthy(os.execute("git --git-dir=" .. dir .. "/odd.git fsck --strict >/dev/null 2>&1"), "what git says of it")
  for _, name in ipairs { ".github", ".gitignore", "git~2", "digit~1" } do
    t.equal(entry_of.path("note", name), "resources/note/" .. name .. ".json")
  end
end)
