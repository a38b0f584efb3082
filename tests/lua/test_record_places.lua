--- Where the texts of files are recorded when a folder is made of one, or one of a folder.
local t = require "harness"
local crypto = require "neap.core.crypto"
local fake = require "fake_host"
local json = require "neap.core.json"
local ledger = require "neap.engine.ledger"
local record = require "neap.engine.record"
local recorded = require "neap.engine.recorded"
local store = require "neap.core.store"

local dir = os.tmpname()
os.remove(dir)
local st = assert(store.open(dir .. "/state.git", { create = true }))
local key = assert(crypto.load_key(dir .. "/seal.key", { create = true }))

local CONTENT = { content = { type = "string", blob = true } }
local FILE, LINK = { name = "file", attributes = CONTENT }, { name = "symlink", attributes = CONTENT }

local function resource(id)
  local kind, path = id:match("^(%a+):(.*)$")
  return fake.resource(path, {}, {}, kind == "file" and FILE or LINK)
end

local function content(text) return text and { content = text } or false end

-- Commits what a run has seen: { [id] = { content before, after } }, of each false for absence; or "left": it goes.
local function run(host, seen)
  local told = { resources = {}, before = {}, observed = {}, status = { status = "complete" } }
  for id, one in pairs(seen) do
    local of_it = resource(id)
    told.resources[#told.resources + 1], of_it.left = of_it, one == "left"
    told.before[id], told.observed[id] = content(one[1]), content(one[2])
  end
  table.sort(told.resources, function(a, b) return a.id < b.id end)
  local changes, head = {}, st:head()
  local tree = head and st:tree(head, "hosts/" .. host) or {}
  local news = record.host(host, tree, told, changes, key)
  local id, message = st:commit {
    parent = head, changes = changes, message = "m", author_name = "a", author_email = "a@b", time = 1,
  }
  if not id then error(message, 0) end
  return news, st:tree(id, "hosts/" .. host)
end

local X, Y, Z = "file:/b/x", "file:/b/x/y", "file:/b/x/y/z"

-- { what, runs }
for i, case in ipairs {
  { "a folder of what was a file", { { [X] = { "gx", "nx" } }, { [Y] = { "hand", "ny" } } } },
  { "a file of what was a folder", { { [Y] = { "gy", "ny" } }, { [X] = { "hand", "nx" } } } },
  { "in one run", { { [X] = { "gx", "nx" } }, { [X] = { "nx", false }, [Y] = { false, "ny" } } } },
  { "there and back", { { [X] = { "gx", "nx" } }, { [X] = { "nx", false }, [Y] = { "hand", "ny" } },
    { [X] = { false, "gx" }, [Y] = { "ny", false } }, { [X] = { "gx", "nx" } }, { [Y] = { false, "n2" } } } },
  { "one below the other", { { [Y] = { "gy", "ny" } }, { [Z] = { "gz", "nz" } }, { [X] = { "gx", "nx" } } } },
  { "names that end as texts do", { { [X] = { "a", "b" } }, { [X .. "/y.content"] = { "a", "b" } },
    { [X .. "/y.content/z"] = { "c", "d" }, [Y] = { "e", "f" } } } },
  { "links", { { ["symlink:/b/x"] = { "a", "b" } }, { ["symlink:/b/x.content/y"] = { "c", "d" } } } },
} do
  t.case("recorded: " .. case[1], function()
    local host, last, genesis = "h" .. i, {}, {}
    for _, seen in ipairs(case[2]) do
      for id, one in pairs(seen) do
        genesis[id] = genesis[id] or { content(one[1]) }
        last[id] = one
      end
      run(host, seen)
      local now = recorded.host(st, st:head(), host, key)
      for id, one in pairs(last) do
        t.equal({ now.resources[id].state, now.resources[id].genesis }, { content(one[2]), genesis[id][1] }, id)
      end
    end
    local _, first = run(host, last)
    local news, second = run(host, last)
    t.equal(news, false, "news of a second run")
    t.equal(second, first)
    for id in pairs(last) do last[id] = "left" end
    local _, rest = run(host, last)
    local names = {}
    for path in pairs(rest) do names[#names + 1] = path end
    table.sort(names)
    t.equal(names, { "order.json", "status.json" }, "what stays when all have gone")
  end)
end

t.case("a content has the name that people look for, where it can have it", function()
  local _, tree = run("plain", { [X] = { "gx", "nx" } })
  t.equal({ tree["files/b/x"], tree["genesis/files/b/x"] }, { "nx", "gx" })
  _, tree = run("plain", { [X] = { "nx", false }, [Y] = { false, "ny" } })
  t.equal({ tree["files/b/x"], tree["files/b/x/y"], tree["blobs/file/b/x/y.content"] }, { nil, nil, "ny" })
  _, tree = run("plain", { [Y] = { "ny", "n2" } })
  t.equal({ tree["files/b/x/y"], tree["blobs/file/b/x/y.content"] }, { nil, "n2" })
end)

-- { what, order so far, ids of the run, what came with them, order then }
for _, case in ipairs {
  { "the first run's", {}, { "b", "a" }, {}, { "b", "a" } },
  { "the rest stays behind what it stood behind", { "a", "b", "c" }, { "c", "a" }, {}, { "c", "a", "b" } },
  { "what came with the run is last", { "a", "b", "c" }, { "c", "d" }, { a = true, b = true }, { "c", "d", "a", "b" } },
} do
  t.case("order: " .. case[1], function()
    local resources, observed = {}, {}
    for i, id in ipairs(case[3]) do resources[i], observed[id] = { id = id }, {} end
    t.equal(json.decode(ledger.order(json.encode(json.array(case[2])), resources, observed, case[4])), case[5])
  end)
end

st:close()
os.execute("rm -rf " .. dir)
