--- Throw-away projects for tests: files in a fresh folder, evaluated as a run would.
local evaluate = require "neap.engine.evaluate"
local inventory = require "neap.inventory"
local sys = require "neap.core.sys"

local project = {}

local made = {}

local function mkdirs(path)
  for at in path:gmatch("()/") do
    if at > 1 then assert(sys.mkdir(path:sub(1, at - 1))) end
  end
end

--- Writes `files` ({ ["playbooks/site.lua"] = text }) into a new folder and returns its path.
function project.write(files)
  local root = os.tmpname()
  os.remove(root)
  assert(sys.mkdir(root))
  made[#made + 1] = root
  for name, text in pairs(files) do
    mkdirs(root .. "/" .. name)
    local file <close> = assert(io.open(root .. "/" .. name, "wb"))
    assert(file:write(text))
  end
  return root
end

local INVENTORY = [[
return {
  vars = { vip = "10.0.0.100", app = { port = 8000, user = "app" } },
  hosts = {
    node1 = { address = "10.0.0.1", groups = { "web", "db" }, vars = { role = "primary" } },
    node2 = { address = "10.0.0.2", groups = { "web" } },
    node10 = { address = "10.0.0.10", groups = { "lb" } },
  },
}
]]

--- A project with `files`; "site" is short for playbooks/site.lua, and an inventory of three hosts is there unless given.
function project.open(files, opts)
  local all = { ["inventory.lua"] = INVENTORY }
  for name, text in pairs(files) do all[name == "site" and "playbooks/site.lua" or name] = text end
  local root = project.write(all)
  local inv = inventory.load({ root .. "/inventory.lua" }, opts)
  return evaluate.project(root .. "/playbooks/site.lua", inv, opts), root
end

--- The desired state of a host (node1 unless named) of such a project.
function project.evaluate(files, host, opts)
  if type(files) == "string" then files = { site = files } end
  local opened = project.open(files, opts)
  return evaluate.host(opened, opened.inventory.by_name[host or "node1"], opts)
end

--- Removes all folders that were made.
function project.clean()
  for _, root in ipairs(made) do
    os.execute("rm -rf -- '" .. root .. "'")
  end
  made = {}
end

return project
