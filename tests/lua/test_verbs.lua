--- The verbs that need no host, as a person sees them.
local t = require "harness"
local inventory = require "neap.verbs.inventory"
local project = require "project"
local sys = require "neap.core.sys"

local function run(verb, opts)
  local out, real = {}, sys.write
  sys.write = function(_, text) out[#out + 1] = text return true end
  opts.args, opts.no_color = opts.args or {}, true
  local ok, exit = pcall(verb, opts)
  sys.write = real
  if not ok then error(exit, 0) end
  return exit, table.concat(out)
end

local root = project.write {
  ["inventory.lua"] = [[
return {
  user = "ops", become_password = secret "sudo", vars = { app = { port = 80 }, db_password = "hunter2" },
  groups = { site = { children = { "web" } } },
  hosts = { n2 = { address = "10.0.0.2", groups = { "web" }, vars = { app = { user = "x" } } }, n10 = { port = 2222 } },
} ]], ["playbooks/defaults.lua"] = "return { app = { port = 1, workers = 4 } }",
}
local paths = { root .. "/inventory.lua" }

-- { name, options, exit, what is printed }
for _, case in ipairs {
  { "hosts and their groups", {}, 0, "n2   10.0.0.2  site web\nn10  n10:2222\n" },
  { "a limit", { limit = { "web" } }, 0, "n2  10.0.0.2  site web\n" },
  { "groups as a tree", { graph = true }, 0, "@all\n  @site\n    @web\n      n2\n  n10\n" },
  { "an unknown host", { args = { "n3" } }, 1, "no host 'n3' in the inventory (did you mean 'n2'?)\n" },
  { "an unknown limit", { limit = { "wbe" } }, 1, "no host or group 'wbe' in the inventory (did you mean 'web'?)\n" },
} do
  t.case("inventory: " .. case[1], function()
    case[2].inventory = paths
    local exit, out = run(inventory, case[2])
    t.equal(out, case[4])
    t.equal(exit, case[3])
  end)
end

t.case("inventory: a host's variables, and where each came from", function()
  local exit, out = run(inventory, { inventory = paths, args = { "n2" }, extra = { ["app.workers"] = "8" } })
  t.equal(exit, 0)
  t.equal((out:gsub(root .. "/", "")), [[
n2
  address          10.0.0.2
  user             ops
  groups           site web
  become_password  <secret>

  app.port     = 80        # inventory.lua: vars
  app.user     = x         # inventory.lua: host n2
  app.workers  = 8         # -e
  db_password  = <secret>  # inventory.lua: vars
]])
end)

t.case("inventory: a long value puts its own line out of line, and no other", function()
  local long = ("x"):rep(60)
  local _, out = run(inventory, { inventory = paths, args = { "n10" }, extra = { ["db_name"] = long } })
  t.matches(out, "\n  app%.port     = 80        # [^\n]*inventory.lua: vars\n")
  t.matches(out, "\n  db_name      = " .. long .. "  # %-e\n")
end)

project.clean()

t.case("a run that a signal has stopped before it began exits as that signal says", function()
  local command, fault, loop = require "neap.engine.command", require "neap.engine.fault", require "neap.core.loop"
  local real, said = loop.signal, {}
  local ui = { err = function(_, text) said[#said + 1] = text end, event = function() end }
  local stopped = fault.new("interrupted", "web1", "interrupted by signal 15")
  loop.signal = function() return 15 end
  local exit = command.complain(ui, stopped)
  loop.signal = function() return nil end
  local at_question = command.complain(ui, stopped)
  loop.signal = real
  t.equal({ exit, at_question }, { 143, 130 })
end)
