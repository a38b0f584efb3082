-- Ends: of connections, of hosts, of the controller; and hosts that never begin.
local t = require "harness"
local s = require "ssh_host"
local loop, remote = require "neap.core.loop", require "neap.core.remote"

local function wait_for(what, fn)
  for _ = 1, 200 do
    if fn() then return end
    loop.sleep(50)
  end
  error("in 10 s not: " .. what, 2)
end

local function is_gone(pid) return s.shell("kill -0 " .. pid .. " 2>&1; echo") ~= "\n" end

local start = function(code) return s.start(code).pid end

local function child_says(pattern)
  local found
  wait_for("child says " .. pattern .. " but " .. tostring(s.read("child.out.txt")), function()
    found = (s.read("child.out.txt") or ""):match(pattern)
    return found
  end)
  return found
end

local report = [[ script = "echo $$ $d $PPID", stdin = "x" ]]

for _, user in ipairs(s.users { "dash", "bash", "ash", "sudoer", "sudopty" }) do
  local become = user:find("^sudo") and true or false

  t.case(user .. ": closing leaves neither processes nor files on the host", function()
    s.task(function()
      local conn = assert(remote.connect(s.options { user = user, become = become }))
      local pid, dir = conn:request({ script = "echo $$ $d", stdin = "x" }).out:match("^(%d+) (/%S+)")
      t.equal(s.shell("ls -d " .. dir), dir .. "\n")
      conn:close()
      wait_for("end of the loop", function() return is_gone(pid) end)
      t.equal(s.shell("ls -d " .. dir .. " 2>&1 >/dev/null | wc -l"), "1\n")
    end)
  end)

  t.case(user .. ": so does a controller that is killed in the middle of a script", function()
    s.task(function()
      local pid = start(([[
        s.task(function()
          local conn = assert(remote.connect(s.options { user = %q, become = %s }))
          print("loop", conn:request({ %s }).out)
          conn:request { script = "sleep 1; echo this; echo goes; sleep 0.1; echo nowhere", capture = true }
        end)]]):format(user, become, report))
      local loop_pid, dir = child_says("loop%s+(%d+ /%S+)"):match("(%d+) (%S+)")
      s.shell("kill -9 " .. pid)
      wait_for("end of the loop", function() return is_gone(loop_pid) end)
      t.equal(s.shell("ls -d " .. dir .. " 2>&1 >/dev/null | wc -l"), "1\n")
    end)
  end)
end

t.case("a captured script runs to its end though the controller is killed", function()
  s.task(function()
    local pid = start([[
      s.task(function()
        local conn = assert(remote.connect(s.options()))
        print("loop", conn:request({ script = "echo $$" }).out)
        conn:request { script = "sleep 1; echo much; echo done >/tmp/neap-test-$$; cat /tmp/neap-test-$$", capture = true }
      end)]])
    local loop_pid = child_says("loop%s+(%d+)")
    loop.sleep(200)
    s.shell("kill -9 " .. pid)
    wait_for("end of the loop", function() return is_gone(loop_pid) end)
    t.equal(s.shell("cat /tmp/neap-test-" .. loop_pid .. "; rm -f /tmp/neap-test-" .. loop_pid), "done\n")
  end)
end)

t.case("a first signal interrupts what waits, and leaves the rest to the code; exit by it", function()
  s.task(function()
    local pid = start([[
      local result
      s.task(function()
        local conn = assert(remote.connect(s.options()))
        local sleeper = loop.spawn(function() return loop.sleep(60000) end)
        print("up")
        local r, message, code = conn:request { script = "sleep 1; echo done >&2" }
        print("first", r, message, code)
        print("signal", loop.signal())
        print("sleeper", select(4, sleeper:join()))
        print("again", conn:request({ script = "echo works" }).out)
        print("new", select(3, remote.connect(s.options())))
      end)
      os.exit(128 + loop.signal())]])
    child_says("up")
    loop.sleep(100)
    s.shell("kill -TERM " .. pid)
    wait_for("end of the child", function() return s.read("child.status.txt") end)
    local out = s.read("child.out.txt")
    t.matches(out, "first\tnil\tinterrupted by signal 15\tinterrupted\n")
    t.matches(out, "signal\t15\n")
    t.matches(out, "sleeper\tinterrupted\n")
    t.matches(out, "again\tworks\n")
    t.matches(out, "new\tinterrupted\n")
    t.equal(s.read("child.status.txt"), "143\n")
  end)
end)

t.case("a second signal ends the process, even one that is busy elsewhere", function()
  s.task(function()
    local pid = start([[ s.task(function() print("up") while os.clock() < 20 do end end) ]])
    child_says("up")
    s.shell("kill -HUP " .. pid)
    loop.sleep(100)
    t.truthy(not is_gone(pid), "the first signal ended it")
    s.shell("kill -HUP " .. pid)
    wait_for("end of the child", function() return s.read("child.status.txt") end)
    t.equal(s.read("child.status.txt"), "129\n")
  end)
end)

s.case("a host whose shell is killed", {}, function(conn)
  local rs = conn:requests { { script = "echo before" }, { script = "kill -9 $$" }, { script = "echo after" } }
  t.equal(rs[1].out, "before\n")
  t.equal({ rs[2].code, rs[3].code }, { "shell", "shell" })
  t.matches(rs[2].error, "host 'web1': the shell has ended")
  local r, _, code = conn:request { script = "echo after" }
  t.equal({ r, code }, { nil, "shell" })
  t.matches(conn.error, "the shell has ended")
end)

s.case("a host whose sshd is killed", {}, function(conn)
  -- the shell's ancestor that speaks with us
  local r, message, code = conn:request { script = "p=$$; while :; do p=$(sed 's/.*) . \\([0-9]*\\).*/\\1/' /proc/$p/stat); "
    .. "case $(cat /proc/$p/comm) in sshd*) break;; esac; done; kill -9 $p; sleep 1" }
  t.equal({ r, code }, { nil, "unreachable" })
  t.matches(message, "connection to 127.0.0.1:%d+ was lost")
end)

t.case("nobody listens", function()
  local began = loop.now_ms()
  local conn, message, code = s.connect { port = 1 }
  t.equal({ conn, code }, { nil, "unreachable" })
  t.matches(message, "host 'web1': cannot connect to 127.0.0.1:1: Connection refused")
  t.truthy(loop.now_ms() - began < 5000)
end)

t.case("a name that nobody knows", function()
  local conn, message, code = s.connect { address = "no.such.host.invalid" }
  t.equal({ conn, code }, { nil, "unreachable" })
  t.matches(message, "cannot find the address of 'no.such.host.invalid'")
end)

t.case("a name is looked up", function()
  local _, _, code = s.connect { address = "localhost" }
  t.equal(code, "hostkey") -- known_hosts has the number only
end)

--- Calls `fn` while something listens on the loopback port that it is given, and says a line.
local function with_listener(says, fn)
  s.shell("rm -f " .. s.dir .. "/listener")
  local pid = s.shell(([[perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in(0, INADDR_LOOPBACK)); listen(S, 5);
    open(F, ">", "%s/listener"); print F ((sockaddr_in(getsockname(S)))[0]); close F;
    accept(C, S); syswrite(C, "%s\r\n"); sleep 20' >/dev/null 2>&1 & echo $!]]):format(s.dir, says))
  local port
  wait_for("listener", function()
    port = math.tointeger(tonumber(s.read("listener") or ""))
    return port
  end)
  fn(port)
  s.shell("kill " .. pid)
end

t.case("a host that says nothing, and one that is no SSH", function()
  s.task(function()
    with_listener("", function(port)
      local began = loop.now_ms()
      local conn, message, code = remote.connect(s.options { port = port, connect_timeout_ms = 300 })
      t.equal({ conn, code }, { nil, "timeout" })
      t.matches(message, "no end of the key exchange in 300 ms")
      t.truthy(loop.now_ms() - began < 3000)
    end)
    with_listener("220 this is mail", function(port)
      local conn, message, code = remote.connect(s.options { port = port, connect_timeout_ms = 300 })
      t.equal(conn, nil)
      t.matches(message, "host 'web1': no ")
      t.truthy(code == "timeout" or code == "unreachable", code)
    end)
  end)
end)

t.case("an address that nobody answers on", function()
  local began = loop.now_ms()
  local conn, message, code = s.connect { address = "192.0.2.1", port = 22, connect_timeout_ms = 300 }
  t.equal({ conn, code }, { nil, "unreachable" })
  t.matches(message, "192.0.2.1")
  t.truthy(loop.now_ms() - began < 3000)
end)

t.case("a controller that is busy itself does not take the host for slow", function()
  s.task(function()
    local task = loop.spawn(function()
      return assert(remote.connect(s.options { connect_timeout_ms = 3000, auth_timeout_ms = 3000, prologue = "echo in" })).prologue.out
    end)
    for _ = 1, 2 do
      loop.sleep(5)
      local began = loop.now_ms()
      while loop.now_ms() - began < 3500 do end
    end
    t.equal({ task:join() }, { true, "in\n" })
  end)
end)

t.case("one host that fails among many that do not", function()
  local results = {}
  s.task(function()
    local tasks = {}
    for i = 1, 10 do
      tasks[i] = loop.spawn(function()
        local conn, _, code = remote.connect(s.options { port = i % 2 == 0 and 1 or s.port })
        return conn and conn:request({ script = "echo " .. i }).out or code
      end)
    end
    for i, task in ipairs(tasks) do results[i] = select(2, task:join()) end
  end)
  t.equal(results, { "1\n", "unreachable", "3\n", "unreachable", "5\n", "unreachable", "7\n", "unreachable", "9\n",
    "unreachable" })
end)
