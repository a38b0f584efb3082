-- The lock-out guard's scripts, in a scratch directory.
local t = require "harness"
local Host = require "local_host"
local script = require "neap.guard_script"

if not Host.is_root() then return io.stdout:write("skipped: needs root\n") end

-- A host with a guard of file f, and a function that makes a script of the guard one of its own places.
local function guarded(shell)
  local host = setmetatable(Host.new { shell = shell }, { __index = Host, __close = Host.close })
  local function here(text)
    return (text:gsub("/var/lib/neap/guard", host.dir .. "/guard"):gsub("/etc/systemd/system", host.dir .. "/boot")
      :gsub("/run/systemd/system", host.dir .. "/none"))
  end
  local kept = {
    id = "g1", saves = { { path = host.dir .. "/f" } }, units = {}, words = {}, undo = {}, redo = {}, users = {},
    groups = {}, ids = {},
  }
  host:sh("mkdir -p guard/g1/before boot; echo old >guard/g1/before/1; echo file >guard/g1/before/1.kind; echo new >f")
  local r = host:request { script = "cat >'" .. host.dir .. "/guard/g1/watch'", stdin = here(script.program(kept)) }
  t.equal(r.rc, 0)
  return host, here
end

-- { what stands there when the host starts anew, what is in f then, what of the guard is left }
local cases = {
  { "goes back where it was armed", "mkdir armed", "old", "fired told watch why" },
  { "goes on where it was cut off", "mkdir firing; echo half >../../f", "old", "fired told watch why" },
  { "ends where all was done but that", "mkdir firing; mv before was", "new", "fired watch why" },
  { "lets alone what was disarmed", "mkdir off", "new", "before off watch why" },
  { "lets alone what has gone back", "mkdir fired; rm -r before", "new", "fired watch why" },
}
for _, shell in ipairs(Host.shells()) do
  for _, case in ipairs(cases) do
    t.case(("a start of the host %s (%s)"):format(case[1], shell), function()
      local host <close> = guarded(shell)
      host:sh("cd guard/g1; " .. case[2] .. "; " .. shell .. " ./watch boot")
      t.equal(host:sh("cat f"), case[3])
      t.equal(host:sh("echo $(ls guard/g1)"), case[4])
    end)
  end
end

t.case("it is disarmed on the disk before anybody is told", function()
  local host <close>, here = guarded()
  host:sh("mkdir guard/g1/armed")
  local r = host:request { script = "sync() { ls \"$g\"; }\n" .. here(script.disarm("g1")) }
  t.equal(r.rc, 0, r.err)
  t.equal(r.out, "before\noff\nwatch\n")
  t.equal(host:sh("ls guard 2>/dev/null || :"), "")
end)
