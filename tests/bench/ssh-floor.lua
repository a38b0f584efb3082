-- What a host costs the controller: N connections at once to one sshd on
-- loopback, a prologue and a request of ten stats each, then all closed.
-- Run by tests/bench/ssh-floor.
local loop, remote, sys = require "neap.core.loop", require "neap.core.remote", require "neap.core.sys"
local dir, count, user = arg[1], tonumber(arg[2] or "300"), arg[3] or "dash"
local port = math.tointeger(tonumber((io.lines(dir .. "/port")())))

local function memory(field)
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^" .. field .. ":%s*(%d+)")
    if kb then return tonumber(kb) end
  end
end

local function one(i)
  local conn = assert(remote.connect {
    name = "host" .. i, address = "127.0.0.1", port = port, user = user, agent = false,
    identities = { dir .. "/id_ed25519" }, known_hosts = { dir .. "/known_hosts" },
    connect_timeout_ms = 300000, auth_timeout_ms = 300000,
    prologue = "cat /etc/os-release; uname -srm; cat /etc/machine-id",
  })
  local r = assert(conn:request { script = "xargs -0 stat -c '%n %s %a %U %G' --", stdin = ("/etc/passwd\0"):rep(10) })
  assert(r.rc == 0 and #r.out > 100)
  return conn
end

local rss0, cpu0, began = memory("VmRSS"), sys.usage(), loop.now_ms()
local conns, rss1 = {}, nil
local ok, message = loop.run(function()
  local tasks = {}
  for i = 1, count do tasks[i] = loop.spawn(one, i) end
  for i, task in ipairs(tasks) do
    local fine, conn = task:join()
    if not fine then error(conn) end
    conns[i] = conn
  end
  rss1 = memory("VmRSS")
  for _, conn in ipairs(conns) do conn:close() end
end)
if not ok then
  print(message)
  os.exit(1)
end
print(string.format("%d hosts: %.2f s, %.2f ms CPU and %.1f KB a host", count, (loop.now_ms() - began) / 1000,
  (sys.usage() - cpu0) * 1000 / count, (rss1 - rss0) / count))
