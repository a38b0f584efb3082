-- What no playbook takes away, whatever it says.
local t = require "harness"
local project = require "project"

-- { what is declared, what its author is told }
for _, case in ipairs {
  { 'absent.user "root"', "user:root: 'root' is never taken away" },
  { 'absent.group "root"', "group:root: 'root' is never taken away" },
  { 'absent.directory "/usr" { force = true }', "directory:/usr: '/usr' is one of the system's own directories" },
  { 'absent.symlink "/bin"', "symlink:/bin: '/bin' is one of the system's own directories" },
  { 'absent.file "/lib"', "file:/lib: '/lib' is one of the system's own directories" },
  { 'directory "/etc" { purge = true }', "'/etc' is one of the system's own directories: no purge = true for it" },
  { 'directory "/bin" { force = true }', "no force = true for it" },
  { 'file "/lib" { content = "", force = true }', "no force = true for it" },
} do
  t.case("refuses " .. case[1], function() t.raises(function() project.evaluate(case[1]) end, case[2]) end)
end

t.case("what lies in them, and who is like root, may go", function()
  local desired = project.evaluate [[
absent.user "ops"
absent.directory { "/usr/local/x", "/srv", "/etc/old" } { force = true }
directory "/etc" { mode = "0755" }
directory "/etc/x" { purge = true, force = true }
symlink "/bin" { to = "usr/bin" }
]]
  t.equal(#desired.list, 7)
end)

t.case("the reference names the directories", function()
  local doc = assert(io.open(os.getenv "NEAP_LUA_DIR" .. "/neap/types/directory.lua")):read("a"):gsub("\n%-%-", "")
  local said = doc:match("whatever a playbook says: ([^.]+)%.")
  t.equal(said, table.concat(require("neap.vital").DIRECTORIES, ", "))
end)

project.clean()
