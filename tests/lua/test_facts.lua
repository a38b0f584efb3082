local t = require "harness"
local facts = require "neap.engine.facts"

t.case("facts of a host are read from one script's output", function()
  local f = facts.parse [[
[os]
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
VERSION_ID="12"
VERSION_CODENAME=bookworm
ID=debian
[machine_id]
0123456789abcdef0123456789abcdef
[uname]
Linux web1 6.1.0-18-amd64 x86_64
[memory]
MemTotal:       24656308 kB
[cpus]
2
[addresses]
2: host0    inet 10.77.0.11/24 brd 10.77.0.255 scope global host0\       valid_lft forever preferred_lft forever
2: host0    inet6 fd00::11/64 scope global \       valid_lft forever preferred_lft forever
[init]
systemd
[packages]
dpkg
[uid]
0
]]
  t.equal({ f.os_id, f.os_version, f.os_codename }, { "debian", "12", "bookworm" })
  t.equal({ f.hostname, f.arch, f.memory_kb, f.cpus, f.uid }, { "web1", "amd64", 24656308, 2, 0 })
  t.equal(f.interfaces, { host0 = { "10.77.0.11", "fd00::11" } })
end)

t.case("a host that says nothing has no facts, and that is no error", function()
  local f = facts.parse ""
  t.equal({ f.os_id, f.hostname, f.memory_kb }, {})
  t.equal(f.addresses, {})
end)

t.case("the script runs in this machine's sh", function()
  local pipe = assert(io.popen("sh -c '" .. facts.script:gsub("'", "'\\''") .. "'"))
  local f = facts.parse(pipe:read "a")
  pipe:close()
  t.equal(f.system, "Linux")
  t.truthy(f.cpus >= 1)
  t.truthy(f.memory_kb > 0)
end)
