--- Labels that stand for something else than what is recorded of them.
local t = require "harness"
local crypto = require "neap.core.crypto"
local taint = require "neap.core.taint"
local fake = require "fake_host"
local entry_of = require "neap.engine.entry"
local recorded = require "neap.engine.recorded"
local json = require "neap.core.json"
local labels = require "neap.engine.labels"
local Types = require "neap.engine.types"
local project = require "project"

local types = Types.new()
local function line(text, options) return { { path = "/f", line = text }, { path = "/f", line = text }, options } end

-- A host of which these are recorded, { id, state, genesis, options }, in this order.
local function host(list) return fake.recorded(list, "options") end

local function record(id, what) return { id, what[1], false, what[3] } end

-- What is recorded of a host by which id, in order.
local function told(now)
  local list = {}
  for i, id in ipairs(now.order) do
    local entry = now.resources[id]
    list[i] = (id:gsub("#%x+", "#")) .. "=" .. (entry.state and (entry.state.line or entry.state.content) or "none")
  end
  return table.concat(list, " ")
end

-- { what, recorded, what is wanted, what is recorded then }
for _, case in ipairs {
  { "the same", { record("line:k", line "a") }, { line "a" }, "line:k=a" },
  { "another line", { record("line:x", line "x"), record("line:k", line "a") }, { line "b" }, "line:x=x line:k#=a" },
  { "not of this run", { record("line:k", line "a") }, {}, "line:k=a" },
  { "the same pattern", { record("line:k", line("a", { match = "^a" })) }, { line("b", { match = "^a" }) }, "line:k=a" },
  { "a pattern", { record("line:k", line "a") }, { line("a", { match = "^a" }) }, "line:k#=a" },
  { "another path that a command creates", { record("command:k", { { run = "a", creates = "/a" } }) },
    { { nil, { creates = "/b" } } }, "command:k#=none" },
  { "another way to tell that a command is done", { record("command:k", { { run = "a", unless = "grep a /f" } }) },
    { { nil, { unless = "grep b /f" } } }, "command:k=none" },
  { "another file", { record("block:k", { { path = "/f", content = "a\n" } }) }, { { nil, { path = "/g" } } }, "block:k#=a\n" },
} do
  t.case("a label: " .. case[1], function()
    local now = host(case[2])
    local id = case[2][#case[2]][1]
    local rtype = types:get(id:match "^%w+")
    local wanted = {}
    for _, one in ipairs(case[3]) do
      local said = one[2]
      local attrs = { path = said.path, line = said.line, match = one[3] and one[3].match, creates = said.creates }
      wanted[id] = rtype.denotes("k", attrs)
    end
    t.equal(told((labels.apart(now, wanted, types))), case[4])
  end)
end

t.case("a label that stands for what it stood for before has its own record again", function()
  local now = host { record("line:k", line "b") }
  local away = labels.apart(now, { ["line:k"] = types:get("line").denotes("k", { path = "/f", line = "a" }) }, types)
  t.equal(told(away), "line:k#=b")
  local back = labels.apart(host {
    record("line:k", line "c"), { away.order[1], { path = "/f", line = "b" }, false },
  }, { ["line:k"] = types:get("line").denotes("k", { path = "/f", line = "b" }) }, types)
  t.equal(told(back), "line:k#=c line:k=b")
end)

t.case("a block has its markers by any name, a line no pattern", function()
  local now = host { record("block:k", { { path = "/f", content = "a\n" } }), record("line:k", line("a", { match = "^a" })) }
  local away = labels.apart(now, { ["block:k"] = "/g\0k", ["line:k"] = "/f\0b" }, types)
  local block, one = away.resources[away.order[1]], away.resources[away.order[2]]
  t.equal({ block.options.label, one.options.match }, { "k", nil })
end)

-- { what, recorded, what is wanted, whether that is all, what is recorded then }
for _, case in ipairs {
  { "by another name", { record("line:k", line "a") }, { ["line:l"] = "a" }, true, "line:l=a" },
  { "of which some are asked for", { record("line:k", line "a") }, { ["line:l"] = "a" }, false, "line:k=a" },
  { "that stay, and another like it", { record("line:k", line "a") }, { ["line:k"] = "a", ["line:l"] = "a" }, true, "line:k=a" },
  { "that change places", { record("line:k", line "a"), record("line:l", line "b") },
    { ["line:k"] = "b", ["line:l"] = "a" }, true, "line:l=a line:k=b" },
  { "that move up", { record("line:1", line "a"), record("line:2", line "b") }, { ["line:1"] = "b" }, true,
    "line:1#=a line:1=b" },
  { "of which one goes in this run", { record("line:k", line "a") }, { ["line:k"] = false, ["line:l"] = "a" }, true, "line:k=a" },
} do
  t.case("labels " .. case[1], function()
    local wanted = {}
    for id, text in pairs(case[3]) do wanted[id] = text and "/f\0" .. text end
    t.equal(told((labels.apart(host(case[2]), wanted, types, case[4]))), case[5])
  end)
end

t.case("labels by another name: what lies over one of them lies over it by that name", function()
  local now = host { record("line:k", line "a"), record("line:x", line "x") }
  now.resources["line:x"].over = "line:k"
  local apart = labels.apart(now, { ["line:l"] = "/f\0a" }, types, true)
  t.equal({ apart.resources["line:x"].over, apart.order }, { "line:l", { "line:l", "line:x" } })
end)

t.case("labels by another name: so it is recorded, with what was there before", function()
  local rtype = types:get("line")
  local function text(entry) return json.encode(entry) end
  local tree = {
    ["order.json"] = '["line:k"]', ["resources/line/k.json"] = text { type = "line", key = "k", state = line("a")[1] },
    ["genesis/resources/line/k.json"] = text { type = "line", key = "k", over = "hosts_entry:h" },
    ["genesis/resources/line/x.json"] = text { type = "line", key = "x", over = "line:k" },
  }
  local run = {
    resources = { { id = "line:l", type = "line", key = "l", rtype = rtype, attrs = line("a")[1] } }, before = {}, whole = true,
  }
  local made, others = labels.tree("h", tree, run, nil)
  t.equal(others, {})
  t.equal({ json.decode(made["order.json"]), made["resources/line/k.json"], made["genesis/resources/line/k.json"] },
    { { "line:l" }, nil, nil })
  t.equal(json.decode(made["resources/line/l.json"]).state.line, "a")
  t.equal(json.decode(made["genesis/resources/line/l.json"]).over, "hosts_entry:h")
  t.equal(json.decode(made["genesis/resources/line/x.json"]).over, "line:l")
  run.whole = false
  t.equal((labels.tree("h", tree, run, nil)), tree)
end)

t.case("a label that stands for something else: its record has its secrets still", function()
  local key = assert(crypto.load_key(project.write { x = "" } .. "/seal.key", { create = true }))
  local rtype = types:get("command")
  local function command(n)
    local attrs = { run = "r", creates = "/c" .. n, env = { PW = taint.new("swordfish", "pw") } }
    return { id = "command:c", type = "command", key = "c", rtype = rtype, attrs = attrs, meta = {} }
  end
  local tree = entry_of.files("h", command(1), { run = "r", creates = "/c1" }, "", key)
  local made, others = labels.tree("h", tree, { resources = { command(2) }, before = {}, whole = true }, key)
  local entry = recorded.resource(made, entry_of.path("command", others[1]:match(":(.*)$")), "h", key)
  t.equal({ entry.state.creates, taint.reveal(entry.options.env.PW) }, { "/c1", "swordfish" })
end)

-- { what, whether a run that did not end has had to do with it, the pattern by which it is told then }
for _, case in ipairs { { "what is known of it", nil, nil }, { "what may have become of it is not", "line:k", "^a" } } do
  t.case("a line that its label no longer stands for: " .. case[1], function()
    local now = host { record("line:k", line("a", { match = "^a" })) }
    now.status = { status = "incomplete", journal = { { n = 1, id = case[2] } } }
    local apart = labels.apart(now, { ["line:k"] = "/f\0b" }, types)
    local id = apart.order[1]
    t.equal({ apart.resources[id].options.match, apart.status.journal[1].id }, { case[3], case[2] and id })
  end)
end

t.case("a line that a pattern tells from now on is recorded with it", function()
  local resource = { id = "line:k", type = "line", key = "k", rtype = types:get("line"), meta = {},
    attrs = { path = "/f", line = "b", match = "^a" } }
  local tree = { ["resources/line/k.json"] = json.encode { type = "line", key = "k", state = line("a")[1] } }
  local run = { resources = { resource }, before = { ["line:k"] = line("a")[1] }, whole = true }
  local made = json.decode(labels.tree("h", tree, run, nil)["resources/line/k.json"])
  t.equal({ made.state.line, made.options }, { "a", { match = "^a" } })
end)

-- { what was found, the options that are recorded of it }
for _, case in ipairs { { line("a")[1], { match = "^a" } }, { nil, { path = "/f", line = "a", match = "^a" } } } do
  t.case("what a label is to stand for is recorded, where it is not there", function()
    local attrs = { path = "/f", line = "a", match = "^a", stood = { { "x" } } }
    local resource = { id = "line:k", type = "line", key = "k", rtype = types:get("line"), attrs = attrs, meta = {} }
    t.equal(entry_of.options(resource, case[1]), case[2])
    resource.as_recorded = { state = line("a")[1], options = { match = "^a" }, entry = {} }
    local files = entry_of.files("h", resource, case[1], "", nil)
    t.equal(json.decode(files["resources/line/k.json"]).options, case[2])
  end)
end

t.case("a run without labels needs no look at what is recorded", function()
  local list = { fake.resource("a", { size = 1 }), fake.resource("b") }
  local without = labels.any(labels.of_list(list))
  list[3] = { id = "line:l", type = "line", key = "l", rtype = types:get("line"), attrs = line("a")[1] }
  t.equal({ without, labels.any(labels.of_list(list)) }, { false, true })
end)

project.clean()
