local t = require "harness"
local sys = require "neap.core.sys"
local fake = require "fake_host"
local remembered = require "neap.engine.remembered"
local taint = require "neap.core.taint"

local resource = fake.resource

local function digest(size, extra)
  return remembered.digest({ resource("a", { size = 1 }) }, { ["thing:a"] = { size = size, extra = extra } }, { status = "complete" })
end

t.case("equal states have equal digests, others do not", function()
  t.equal(digest(1), digest(1))
  t.truthy(digest(1) ~= digest(2))
end)

t.case("a secret counts by what it hides", function()
  local function secret(v) return digest(1, taint.new(v, "s")) end
  t.equal(secret("hunter2"), secret("hunter2"))
  t.truthy(secret("hunter2") ~= secret("hunter3"))
end)

local function place(head)
  local dir = os.tmpname()
  os.remove(dir)
  for _, path in ipairs { dir, dir .. "/state.git", dir .. "/state.git/refs", dir .. "/state.git/refs/heads" } do
    assert(sys.mkdir(path))
  end
  assert(sys.write_file(dir .. "/state.git/refs/heads/main", head .. "\n"))
  return dir .. "/state.git", dir
end

t.case("what was kept is known until the commit moves", function()
  local path, dir = place "aaaa"
  t.equal(remembered.read(path), {})
  remembered.keep(path, { h = "1", i = "2" }, {}, nil)
  t.equal(remembered.read(path), { h = "1", i = "2" })
  assert(sys.write_file(path .. "/refs/heads/main", "bbbb\n"))
  t.equal(remembered.read(path), {})
  os.execute("rm -rf " .. dir)
end)

t.case("the commit is known where git gc has packed the branch", function()
  local path, dir = place "aaaa"
  local function pack(head)
    os.remove(path .. "/refs/heads/main")
    assert(sys.write_file(path .. "/packed-refs", "# pack-refs with: peeled\nffff refs/heads/other\n" .. head ..
      " refs/heads/main\n"))
  end
  pack "aaaa"
  remembered.keep(path, { h = "1" }, {}, nil)
  t.equal(remembered.read(path), { h = "1" })
  pack "bbbb"
  t.equal(remembered.read(path), {})
  os.execute("rm -rf " .. dir)
end)

t.case("hosts that a run left out are kept over its commit, but not over somebody else's", function()
  local path, dir = place "aaaa"
  remembered.keep(path, { h = "1" }, {}, nil)
  assert(sys.write_file(path .. "/refs/heads/main", "bbbb\n"))
  remembered.keep(path, { i = "2" }, {}, "aaaa")
  t.equal(remembered.read(path), { h = "1", i = "2" })
  assert(sys.write_file(path .. "/refs/heads/main", "cccc\n"))
  remembered.keep(path, { i = "3" }, {}, "other")
  t.equal(remembered.read(path), { i = "3" })
  os.execute("rm -rf " .. dir)
end)

t.case("what the playbook no longer had is remembered with the set that it had", function()
  local path, dir = place "aaaa"
  local function head(id) assert(sys.write_file(path .. "/refs/heads/main", id .. "\n")) end
  local gone = { h = { of = "set", ids = { "file:/x" } } }
  remembered.keep(path, { h = "1", i = "2" }, gone, nil)
  t.equal(remembered.abandoned(path), gone)
  head "bbbb"
  t.equal(remembered.abandoned(path), {})
  remembered.keep(path, { i = "3" }, {}, "aaaa")
  t.equal(remembered.abandoned(path), gone)
  remembered.keep(path, { h = "3" }, {}, "bbbb")
  t.equal(remembered.abandoned(path), {})
  os.execute("rm -rf " .. dir)
end)
