local t = require "harness"
local fake = require "fake_host"
local Model = require "neap.engine.model"
local plan = require "neap.engine.plan"

local resource, desired = fake.resource, fake.desired

local function planned(host, list)
  local result = plan.host(host.round(), desired(list))
  local lines = {}
  for i, change in ipairs(result.changes) do
    lines[i] = change.kind .. " " .. change.id .. (change.trigger and " " .. change.trigger or "")
  end
  return lines, result
end

local on_a = { restart_on = { "thing:a" } }

-- name, found, wanted, planned
local cases = {
  { "nothing differs", { a = { size = 1 } }, { resource("a", { size = 1 }) }, {} },
  { "an absent thing is created", {}, { resource("a", { size = 1 }) }, { "create thing:a" } },
  { "a differing thing is updated", { a = { size = 2 } }, { resource("a", { size = 1 }) }, { "update thing:a" } },
  { "an unwanted thing is deleted", { a = { size = 2 } }, { resource("a") }, { "delete thing:a" } },
  { "an unwanted thing that is not there is fine", {}, { resource("a") }, {} },
  { "a change triggers its watcher", { a = { size = 2 }, d = { size = 0 } },
    { resource("a", { size = 1 }), resource("d", { size = 0 }, on_a, fake.daemon) },
    { "update thing:a", "update daemon:d restart" } },
  { "no change triggers nothing", { a = { size = 1 }, d = { size = 0 } },
    { resource("a", { size = 1 }), resource("d", { size = 0 }, on_a, fake.daemon) }, {} },
  { "a restart outweighs a reload", { d = { size = 0 } },
    { resource("a", { size = 1 }), resource("b", { size = 1 }),
      resource("d", { size = 0 }, { reload_on = { "thing:b" }, restart_on = { "thing:a" } }, fake.daemon) },
    { "create thing:a", "create thing:b", "update daemon:d restart" } },
}

for _, case in ipairs(cases) do
  t.case(case[1], function()
    local host = fake.new(case[2])
    t.equal(planned(host, case[3]), case[4])
    t.equal(host.log, {}, "a plan runs nothing; scripts")
  end)
end

t.case("all resources are asked in one round trip", function()
  local host, list = fake.new(), {}
  for i = 1, 100 do list[i] = resource("x" .. i, { size = i }) end
  planned(host, list)
  t.equal(host.rounds, 1)
end)

t.case("a restart that an earlier run owes is planned", function()
  local host = fake.new { d = { size = 0 } }
  host.marks["daemon:d"] = "restart"
  -- the watcher asks for its mark by its id
  local lines, result = planned(host, { resource("d", { size = 0 }, {}, fake.daemon) })
  t.equal(lines, { "update daemon:d restart" })
  t.equal(result.changes[1].because, { "an earlier run" })
end)

t.case("what is planned later is planned on what was planned before", function()
  local host = fake.new()
  local follower = setmetatable({
    name = "follower",
    probe = function(h, _) return h:thing("a") and { size = 1 } end,
  }, { __index = fake.thing })
  t.equal(planned(host, { resource("a", { size = 1 }), resource("f", { size = 1 }, {}, follower) }), { "create thing:a" })
  t.equal(host.rounds, 1)
end)

t.case("what goes to what was before Neap is known to, where others write a part of the same file after it", function()
  local model, asked = Model.new(), { { "content", "/f" } }
  model.leaving = true
  model:set("content", { "/f" }, "a\n")
  model.leaving, model.partly = nil, true
  model:set("content", { "/f" }, "b\n")
  t.equal({ model:touches(asked) }, { true, true })
  model.partly = nil
  model:set("content", { "/f" }, "c\n")
  t.equal({ model:touches(asked) }, { true, false })
end)

t.case("what cannot be known says why", function()
  local host = fake.new()
  local opaque = setmetatable({
    name = "opaque", effects = function(_, _, model) model:forget("thing", { "b" }, "the opaque thing decides") end,
  }, { __index = fake.thing })
  local lines, result = planned(host, { resource("o", { size = 1 }, {}, opaque), resource("b", { size = 1 }) })
  t.equal(lines, { "create opaque:o", "unknown thing:b" })
  t.equal(result.changes[2].unknown, "the opaque thing decides")
end)

t.case("a probe that fails is the host's error, with the place", function()
  local broken = setmetatable({ name = "broken", probe = function() error("no luck", 0) end }, { __index = fake.thing })
  local _, result = planned(fake.new(), { resource("x", { size = 1 }, {}, broken) })
  t.equal(#result.errors, 1)
  t.equal(result.errors[1].where, "test.lua:1")
  t.matches(result.errors[1].message, "broken:x: no luck")
end)

t.case("a batch is simulated once and told what others ask", function()
  local seen
  local pack = setmetatable({
    name = "pack", batch = true,
    simulate = function(_, changes, asked) seen = { #changes, #asked.thing } return { "brings y" } end,
  }, { __index = fake.thing })
  local _, result = planned(fake.new(), {
    resource("p", { size = 1 }, {}, pack), resource("q", { size = 1 }, {}, pack), resource("a", { size = 1 }),
  })
  t.equal(seen, { 2, 3 })
  t.equal(result.changes[1].batch, result.changes[2].batch)
  t.equal(result.changes[1].batch.notes, { "brings y" })
end)

t.case("what is started by the change needs no restart shown", function()
  local starter = setmetatable({
    name = "starter", starts = function(change) return change.differs.size end,
  }, { __index = fake.daemon })
  local host = fake.new { d = { size = 0 } }
  local _, result = planned(host, {
    resource("a", { size = 1 }), resource("d", { size = 1 }, { restart_on = { "thing:a" } }, starter),
  })
  t.equal({ result.changes[2].trigger, result.changes[2].starts }, { "restart", true })
end)

t.case("a question that is expected travels with the one that is asked", function()
  local host = fake.new { a = { size = 1 }, b = { size = 2 } }
  local eager = setmetatable({
    name = "eager",
    probe = function(h)
      h:expect("thing", "b")
      local a = h:thing("a")
      return a and h:thing("b")
    end,
  }, { __index = fake.thing })
  t.equal(planned(host, { resource("x", { size = 2 }, {}, eager) }), {})
  t.equal(host.rounds, 1)
end)

t.case("what was in the way may be gone when the plan gets there", function()
  local host = fake.new { a = { size = 1 } }
  local shy = setmetatable({
    name = "shy",
    probe = function(h) if h:thing("a") then error("a is in the way", 0) end end,
  }, { __index = fake.thing })
  local lines, result = planned(host, { resource("a"), resource("s", { size = 1 }, {}, shy) })
  t.equal(#result.errors, 0)
  t.equal(lines, { "delete thing:a", "create shy:s" })
end)

t.case("options do not count among what was predicted", function()
  local difference = require "neap.engine.difference"
  local rtype = { attributes = { size = { type = "integer" }, how = { type = "string", option = true } } }
  t.truthy(difference.same_state(rtype, { size = 1 }, { size = 1, how = "fast" }, { size = 1, how = "fast" }))
  t.truthy(not difference.same_state(rtype, { size = 2 }, { size = 1, how = "fast" }, { size = 1, how = "fast" }))
end)

t.case("a connection that answers nothing is the host's error, not ours", function()
  local host = fake.new()
  host.conn.requests = function() return nil, "interrupted by signal 15", "interrupted" end
  local ok, problem = pcall(planned, host, { resource("a", { size = 1 }) })
  t.equal({ ok, problem.code }, { false, "interrupted" })
end)

t.case("what is missing is an error, unless an earlier change may bring it unsaid", function()
  local needy = setmetatable({
    name = "needy", probe = function(h) if not h:thing("a") then h:missing("there is no '%s'", "a") end end,
  }, { __index = fake.thing })
  local barrier = setmetatable({ name = "barrier", barrier = true, effects = function() end }, { __index = fake.thing })
  local _, result = planned(fake.new(), { resource("n", { size = 1 }, {}, needy) })
  t.matches(result.errors[1].message, "needy:n: there is no 'a'")
  local lines, later = planned(fake.new(), {
    resource("b", { size = 1 }, {}, barrier), resource("n", { size = 1 }, {}, needy),
  })
  t.equal(lines, { "create barrier:b", "unknown needy:n" })
  t.equal(later.changes[2].unknown, "barrier:b may bring it: there is no 'a'")
end)

t.case("two transactions that stand side by side stay two", function()
  local pack = setmetatable({ name = "pack", batch = true, simulate = function() return {} end }, { __index = fake.thing })
  local p, q = resource("p", { size = 1 }, {}, pack), resource("q", { size = 1 }, {}, pack)
  p.transaction, q.transaction = 1, 2
  local _, result = planned(fake.new(), { p, q })
  t.truthy(result.changes[1].batch ~= result.changes[2].batch)
end)

t.case("what is recorded as a secret is hidden where it was found, and only where it changes", function()
  local taint = require "neap.core.taint"
  local note = {
    name = "note", key = "name", attributes = { text = { type = "string" }, mode = { type = "string" } },
    probe = function(host, key) return host:thing(key) end, steps = function() return {} end,
  }
  local asked = {}
  local function secrets_of(one)
    asked[#asked + 1] = one.id
    return one.key ~= "c" and { text = true } or nil
  end
  local host = fake.new {
    a = { text = "hunter2", mode = "1" }, b = { text = "hunter2", mode = "1" },
    c = { text = "plain" }, d = { text = "d" },
  }
  local list = {
    resource("a", nil, {}, note), resource("b", { text = "clear" }, {}, note), resource("c", nil, {}, note),
    resource("d", { text = "d" }, {}, note), resource("e", { text = "new" }, {}, note),
  }
  local changes = plan.host(host.round(), desired(list), secrets_of).changes
  t.equal(asked, { "note:a", "note:b", "note:c" })
  t.equal({ tostring(changes[1].from.text), changes[1].from.mode }, { "<secret:previous>", "1" })
  t.truthy(taint.is(changes[2].from.text) and changes[2].to.text == "clear" and changes[2].differs.text)
  t.equal(changes[3].from.text, "plain")
end)

t.case("what a change will need and will not find is an error of the plan, all asked together", function()
  local picky = setmetatable({
    name = "picky",
    foresee = function(host, key, change)
      if change.to.size ~= 0 and not host:thing("for-" .. key) then host:missing("nothing for '%s'", key) end
    end,
  }, { __index = fake.thing })
  local function wants(key, size) return resource(key, { size = size or 1 }, {}, picky) end
  local host = fake.new { a = { size = 1 }, ["for-b"] = { size = 1 } }
  local lines, result = planned(host, { wants "a", wants "b", wants "c", wants "d", resource("for-d", { size = 1 }), wants("e", 0) })
  t.equal(lines, { "create picky:b", "create picky:c", "create picky:d", "create thing:for-d", "create picky:e" })
  t.equal({ #result.errors, result.errors[1].message, result.errors[2].message },
    { 2, "picky:c: nothing for 'c'", "picky:d: nothing for 'd'" })
  t.equal(host.rounds, 2, "flights of questions")
  local _, later = planned(fake.new(), { resource("for-d", { size = 1 }), wants "d" })
  t.equal(#later.errors, 0, "errors where an earlier resource brings it")
  local barrier = setmetatable({ name = "barrier", barrier = true, effects = function() end }, { __index = fake.thing })
  local _, unsure = planned(fake.new(), { resource("b", { size = 1 }, {}, barrier), wants "d" })
  t.equal({ #unsure.errors, unsure.changes[2].kind }, { 0, "create" }, "where it may come unsaid")
  local back = wants "d"
  back.back = {}
  local _, way_back = planned(fake.new(), { back })
  t.equal(#way_back.errors, 0, "errors of a way back")
end)

t.case("what is around a part that is not there is known though its directory is still to come", function()
  local part = setmetatable({
    name = "part", inside = function(key) return key end,
    probe = function(host, key, want)
      if want and not host:thing("dir") then host:missing "no dir" end
      return host:thing(key), { file = host:thing(key) ~= nil }
    end,
  }, { __index = fake.thing })
  local dir = resource("dir", { size = 1 })
  local lines, result = planned(fake.new(), { dir, resource("p", { size = 1 }, {}, part), resource("q", nil, {}, part) })
  t.equal({ lines, #result.errors, result.around }, { { "create thing:dir", "create part:p" }, 0,
    { ["part:p"] = { file = false }, ["part:q"] = { file = false } } })
end)

t.case("what a transaction brings is known of what comes later and was not there", function()
  local pack = setmetatable({ name = "pack", batch = true }, { __index = fake.thing })
  function pack.simulate(_, _, _, model)
    for _, kind in ipairs { "stat", "thing" } do
      model.came_with = { "pack:p" }
      model:set(kind, { "/brought" }, { size = 2 })
      model:set(kind, { "/old" }, { size = 2 })
      model:forget(kind, { "/unsure" }, "p decides it")
      model.came_with = nil
      model:set(kind, { "/ours" }, { size = 2 })
    end
    return {}
  end
  local list = { resource("p", { size = 1 }, {}, pack) }
  for _, path in ipairs { "/brought", "/old", "/unsure", "/ours", "/other" } do list[#list + 1] = resource(path, { size = 3 }) end
  local _, result = planned(fake.new { ["/old"] = { size = 1 } }, list)
  t.equal(result.came, {
    ["thing:/brought"] = { with = { "pack:p" }, found = { size = 2 } }, ["thing:/unsure"] = { with = { "pack:p" } },
  })
end)
