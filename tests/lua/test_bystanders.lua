--- What a run changes without being about it, on a made-up host.
local t = require "harness"
local bystanders = require "neap.engine.bystanders"
local crypto = require "neap.core.crypto"
local fake = require "fake_host"
local record = require "neap.engine.record"
local recorded = require "neap.engine.recorded"
local rollback = require "neap.engine.rollback"
local conflicts = require "neap.engine.conflicts"
local store = require "neap.core.store"
local sys = require "neap.core.sys"

local base = os.tmpname()
os.remove(base)
assert(sys.mkdir(base))
local key = assert(crypto.load_key(base .. "/seal.key", { create = true }))
local note = {
  name = "note", key = "name", attributes = { size = { type = "integer" }, hue = { type = "integer" } },
  probe = function(host, name, want)
    local found = host:thing(name)
    return found and { size = found.size, hue = (not want or want.hue) and found.hue or nil }
  end,
  steps = function() return {} end,
}
local types = { get = function(_, name) return name == "note" and note or fake[name] end }
local opts = { state = base .. "/state.git" }

local function commit(changes)
  local st <close> = assert(store.open(opts.state, { create = true }))
  return assert(st:commit {
    parent = st:head(), changes = changes, message = "m", author_name = "a", author_email = "a@b", time = 1,
  })
end

local function keep(list, observed, before, besides)
  local st <close> = assert(store.open(opts.state, { create = true }))
  local changes, seen = {}, { resources = list, observed = observed, before = before, status = {} }
  for name, value in pairs(besides or {}) do seen[name] = value end
  record.host("h", st:head() and st:tree(st:head(), "hosts/h") or {}, seen, changes, key)
  return commit(changes)
end

local function read(rev)
  local st <close> = assert(store.open(opts.state))
  return recorded.host(st, rev, "h", key)
end

local first = keep({ fake.resource("a", { size = 1 }), fake.resource("b", { size = 1 }), fake.resource("gone", nil),
  fake.resource("n", { size = 1, hue = 1 }, {}, note) },
  { ["thing:a"] = { size = 1 }, ["thing:b"] = { size = 1 }, ["thing:gone"] = false, ["note:n"] = { size = 1, hue = 1 } },
  { ["thing:a"] = false, ["thing:b"] = false, ["thing:gone"] = false, ["note:n"] = false })
local there = fake.new { a = { size = 1 }, b = { size = 3 }, n = { size = 1, hue = 1 } }
local list = { fake.resource("n", { size = 2 }, {}, note) }
local host = { name = "h", conn = there.conn, facts = {}, plan = { changes = { {} }, desired = { list = list } } }
bystanders.note({ types = types, opts = opts }, host)
there.things = { b = { size = 4 }, gone = { size = 8 }, n = { size = 2, hue = 6 } }
local besides = bystanders.look(host)
local second = keep(list, { ["note:n"] = { size = 2 } }, { ["note:n"] = { size = 1 } }, besides)

t.case("what this run has changed beside its own is recorded as it is now", function()
  local now = read(second).resources
  t.equal({ now["thing:a"].state, now["thing:gone"].state }, { false, { size = 8 } })
  t.equal(now["note:n"].state, { size = 2, hue = 6 })
  t.equal(read(second).order, { "thing:a", "thing:b", "note:n", "thing:gone" }, "what came with the run comes last")
end)

t.case("what is gone with what it needs is gone", function()
  local needy = setmetatable({ probe = function(h, name, want)
    if want and not h:thing("folder") then error("no folder", 0) end
    return h:thing(name) and {}
  end }, { __index = note })
  local known, things = types.get, there.things
  function types.get(_, name) return name == "needy" and needy or known(_, name) end
  needy.name = "needy"
  keep({ fake.resource("in", {}, {}, needy) }, { ["needy:in"] = {} }, {})
  there.things = { ["in"] = {}, folder = {} }
  host.plan.changes = { {} }
  bystanders.note({ types = types, opts = opts }, host)
  there.things = {}
  t.equal(bystanders.look(host).states["needy:in"], false)
  types.get, there.things = known, things
end)

t.case("a directory that this run took with what was in it is recorded as taken so, and where it was", function()
  local box = setmetatable({
    name = "box", attributes = {
      force = { type = "boolean", option = true }, restore = { type = "boolean", option = true },
      size = { type = "integer", required = true },
    },
  }, { __index = fake.thing })
  local known, things = types.get, there.things
  function types.get(_, name) return name == "box" and box or known(_, name) end
  keep({ fake.resource("x", {}, {}, box) }, { ["box:x"] = { size = 1 } }, {})
  there.things = { x = { size = 1 } }
  host.plan.changes = { {} }
  bystanders.note({ types = types, opts = opts }, host)
  there.things = {}
  local rev = keep(list, { ["note:n"] = { size = 2 } }, { ["note:n"] = { size = 1 } }, bystanders.look(host))
  t.equal({ read(rev).resources["box:x"].state, read(rev).resources["box:x"].options }, { false, { force = true, size = 1 } })
  types.get, there.things = known, things
end)

t.case("what somebody else had changed before stays recorded as it was", function()
  t.equal(read(second).resources["thing:b"].state, { size = 1 })
end)

t.case("a way back meets no conflict with what the run did itself", function()
  there.things.b = { size = 1 }
  local now, back = read(second), { types = types, permissions = {} }
  local desired = rollback.compose(back, { name = "h" }, now, read(first))
  t.equal(#conflicts.find(there.round(), desired, now, types, {}), 0)
end)

-- { what, id of its step, whether this run changes something itself, what is recorded of the one that stands by }
for _, case in ipairs {
  { "has changed", "thing:b", true, { size = 7 } },
  { "has changed, and left nothing to be changed", "thing:b", false, { size = 7 } },
  { "has not changed", "thing:a", true, { size = 1 } },
} do
  t.case("what a run that did not end " .. case[1] .. " is as it has made it", function()
    local journal = { { n = 1, id = case[2], before = { size = 1 }, after = { size = 7 } } }
    keep({}, {}, {}, { status = { status = "incomplete", step = 2, journal = journal } })
    there.things.b = { size = 7 }
    host.plan.changes, host.recorded_status = case[3] and { {} } or {}, nil
    bystanders.note({ types = types, opts = opts }, host)
    local rev = keep({}, {}, {}, bystanders.look(host))
    t.equal(read(rev).resources["thing:b"].state, case[4])
    there.things.b = { size = 1 }
    keep({ fake.resource("b", { size = 1 }) }, { ["thing:b"] = { size = 1 } }, { ["thing:b"] = { size = 1 } })
  end)
end

t.case("a run that changes nothing asks nothing", function()
  local rounds = there.rounds
  host.plan.changes = {}
  bystanders.note({ types = types, opts = opts }, host)
  t.equal({ there.rounds, host.bystanders, #bystanders.look(host).others }, { rounds, nil, 0 })
end)

os.execute("rm -rf '" .. base .. "'")
