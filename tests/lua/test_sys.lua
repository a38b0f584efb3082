local t = require "harness"
local sys = require "neap.core.sys"

local function scratch()
  local path = os.tmpname()
  os.remove(path)
  assert(sys.mkdir(path))
  return path
end

t.case("a file comes back as it was written, with the mode asked for", function()
  local dir = scratch()
  local path, bytes = dir .. "/a", "x\0y\n\255"
  assert(sys.write_file(path, bytes, 384)) -- 0600
  t.equal(sys.read_file(path), bytes)
  t.equal(sys.stat(path).mode, 384)
  t.equal(sys.list_dir(dir), { "a" })
  os.remove(path)
  os.remove(dir)
end)

t.case("a missing file is an answer, not an error", function()
  local bytes, message, code = sys.read_file("/no/such/file")
  t.equal({ bytes, code }, { nil, "notfound" })
  t.matches(message, "cannot read '/no/such/file'")
end)

t.case("a failed write leaves nothing behind", function()
  local dir = scratch()
  assert(sys.mkdir(dir .. "/taken"))
  local ok, _, code = sys.write_file(dir .. "/taken", "x")
  t.equal(ok, nil)
  t.equal(code, "io")
  t.equal(sys.list_dir(dir), { "taken" })
  os.remove(dir .. "/taken")
  os.remove(dir)
end)
