--- Where a project keeps its states, and what its own git sees of that.
local t = require "harness"
local files = require "project"
local project = require "neap.engine.project"
local sys = require "neap.core.sys"

local root = files.write { ["site.lua"] = "" }

local function output(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  pipe:close()
  return text
end

t.case("the git of the project sees neither the state nor its key", function()
  local st = project.create { playbook = root .. "/site.lua" }
  st:close()
  t.truthy(sys.stat(root .. "/.neap/seal.key") and sys.stat(root .. "/.neap/state.git"))
  t.equal(output(("cd %s && git init -q . && git add . && git ls-files"):format(root)), "site.lua\n")
end)

t.case("who wants it otherwise is not told again", function()
  assert(sys.write_file(root .. "/.neap/.gitignore", "seal.key\n", 384))
  project.create({ playbook = root .. "/site.lua" }):close()
  t.equal(sys.read_file(root .. "/.neap/.gitignore"), "seal.key\n")
end)

t.case("nor where the state was cloned into it", function()
  assert(os.remove(root .. "/.neap/.gitignore"))
  project.open({ playbook = root .. "/site.lua" }):close()
  t.equal(sys.read_file(root .. "/.neap/.gitignore"), "*\n")
end)

t.case("a state that may not be looked at is not the same as none", function()
  local neap = os.getenv("NEAP")
  if not neap or output("id -u") ~= "0\n" then return end
  os.execute(("chmod 0755 %s; chmod 0700 %s/.neap"):format(root, root))
  local said = output(("cd %s && cp %s neap && chmod 0755 neap && NEAP_LUA_DIR=%s setpriv --reuid=65534 --clear-groups ./neap history 2>&1")
    :format(root, neap, os.getenv("NEAP_LUA_DIR")))
  t.matches(said, "^cannot look at '[^']*/%.neap/state%.git': Permission denied\n$")
end)

files.clean()
