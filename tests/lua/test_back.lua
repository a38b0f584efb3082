-- A run taken back: what it changed goes to what its first look saw, what
-- reads that is restarted, what it did not touch is left alone.
local t = require "harness"
local loop = require "neap.core.loop"
local fake = require "fake_host"
local apply = require "neap.engine.apply"
local back = require "neap.engine.back"
local plan = require "neap.engine.plan"

local resource = fake.resource

local function hooks()
  return {
    journal = function() return "" end, progress = function() end, wait = function() end,
    interrupted = function() return false end, guard = nil,
  }
end

local UNGUARDED = {
  before = function() end, after = function() end, limit = function(_, ms) return ms end,
  failed = function(_, problem) return problem end,
}

-- Applies the list on a host of these things, lets `between` meddle, goes
-- back; returns the host, what ran on the way back, and what back.host said.
local function there_and_back(things, list, between)
  local fake_host = fake.new(things)
  local planned = plan.host(fake_host.round(), fake.desired(list))
  local host = { conn = fake_host.conn, facts = {}, plan = planned, entry = { name = "web1" } }
  local count, why
  local went = #fake_host.log
  loop.run(function()
    host.result = apply.host(host, hooks())
    host.done_ids = host.result.done
    went = #fake_host.log
    if between then between(fake_host) end
    local around = hooks()
    around.guard = function() return UNGUARDED end
    count, why = back.host(host, around)
  end)
  local ran = {}
  for i = went + 1, #fake_host.log do
    if not fake_host.log[i]:match("^mkdir") then ran[#ran + 1] = fake_host.log[i] end
  end
  return fake_host, ran, count, why, host
end

t.case("what was changed comes back, what was new goes, what was gone returns", function()
  local host, ran, count = there_and_back({ a = { size = 5 }, c = { size = 7 } }, {
    resource("a", { size = 1 }), resource("b", { size = 2 }), resource("c"),
  })
  t.equal(host.things, { a = { size = 5 }, c = { size = 7 } })
  t.equal(ran, { "del b", "set a 5", "set c 7" })
  t.equal(count, 3)
end)

t.case("what the run said of what it wanted is not said of what was there before", function()
  local told, described = {}, setmetatable({}, { __index = fake.thing })
  described.attributes = {
    size = { type = "integer" }, made_of = { type = "string", option = true, describes = "size" },
    note = { type = "string", option = true },
  }
  function described.steps(key, change)
    told[#told + 1] = { size = change.to.size, made_of = change.to.made_of, note = change.to.note }
    return fake.thing.steps(key, change)
  end
  there_and_back({ a = { size = 5 } }, { resource("a", { size = 1, made_of = "one", note = "n" }, nil, described) })
  t.equal(told, { { size = 1, made_of = "one", note = "n" }, { size = 5, note = "n" } })
end)

t.case("what reads it is restarted again", function()
  local host, ran = there_and_back({ a = { size = 5 }, d = { size = 0 } }, {
    resource("a", { size = 1 }), resource("d", { size = 0 }, { restart_on = { "thing:a" } }, fake.daemon),
  })
  t.equal(ran, { "set a 5", "restart d" })
  t.equal(host.marks, {})
end)

t.case("also what was new is read by what was there before", function()
  local _, ran = there_and_back({ d = { size = 0 } }, {
    resource("a", { size = 1 }), resource("d", { size = 0 }, { restart_on = { "thing:a" } }, fake.daemon),
  })
  t.equal(ran, { "del a", "restart d" })
end)

t.case("what the run has not touched is left alone", function()
  local _, ran = there_and_back({ a = { size = 1 }, b = { size = 9 } }, {
    resource("a", { size = 1 }), resource("b", { size = 2 }),
  }, function(host) host.things.a.size = 4 end)
  t.equal(ran, { "set b 9" })
end)

t.case("all that went back is marked so", function()
  local _, _, _, _, host = there_and_back({ a = { size = 5 } }, { resource("a", { size = 1 }), resource("b", { size = 2 }) })
  t.equal({ host.done_ids["thing:a"].put_back, host.done_ids["thing:b"].put_back }, { true, true })
end)

t.case("a way back that fails says why", function()
  local _, _, count, why = there_and_back({ a = { size = 5 } }, { resource("a", { size = 1 }) }, function(host)
    host.broken["set a 5"] = true
  end)
  t.equal(count, nil)
  t.matches(why, "it is broken")
end)

-- { key of what stays }: a label may hold anything
for _, key in ipairs { "p", "p: of all" } do
  t.case("what would lose data stays, and is told: " .. key, function()
    local precious = setmetatable({ name = "precious", rollback = {
      look = function(_, _, change)
        return change.kind == "delete" and { barrier = "it holds data", data = true } or nil
      end,
    } }, { __index = fake.thing })
    local word = key:gsub("%W", "_") -- as the made-up host has it
    function precious.probe(there, _, ...) return fake.thing.probe(there, word, ...) end
    function precious.steps(_, ...) return fake.thing.steps(word, ...) end
    local host, ran, count, why, run = there_and_back({}, {
      resource("a", { size = 1 }), resource(key, { size = 2 }, {}, precious),
    })
    t.equal(ran, { "del a" })
    t.equal(host.things, { [word] = { size = 2 } })
    t.equal(count, nil)
    t.matches(why, "all but precious:" .. key .. ": it holds data")
    t.equal(run.done_ids["precious:" .. key].put_back, nil)
  end)
end
