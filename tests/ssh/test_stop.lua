-- What runs on a host ends with its limit of time, and with the first signal to the controller: with its children.
local t = require "harness"
local s = require "ssh_host"
local loop, remote = require "neap.core.loop", require "neap.core.remote"

local count = 0

--- A number of seconds to sleep for that nothing else on this machine sleeps for.
local function unique()
  count = count + 1
  return ("9%d%03d"):format(s.port, count)
end

-- Those who sleep for so long, and not whoever looks for them.
local function find(seconds)
  return "grep -lzx '" .. seconds:gsub("9", "[9]", 1) .. "' /proc/[0-9]*/cmdline 2>/dev/null"
end

--- How many processes sleep for so long.
local function sleepers(seconds) return tonumber(s.shell(find(seconds) .. " | wc -l")) end

local function wait_for(what, fn)
  for _ = 1, 300 do
    if fn() then return end
    loop.sleep(50)
  end
  error("in 15 s not: " .. what, 2)
end

-- A script that does not want to end, with children that want it still less: one in the background, one that ignores
-- what it is asked, one in a session of its own.
local STUBBORN = [[
sleep %s &
(trap '' TERM HUP INT; sleep %s; sleep %s) &
setsid sh -c 'sleep %s; :' &
sleep %s]]

local users = s.users { "dash", "bash", "ash", "sudopty" }

for _, user in ipairs(users) do
  local become = user:find("^sudo") and true or false

  s.case(user .. ": a limit of time ends a script with all its children", { user = user, become = become }, function(conn)
    local n = unique()
    local began = loop.now_ms()
    local r, message, code = conn:request { script = STUBBORN:gsub("%%s", n), timeout_ms = 1000, capture = true }
    t.equal({ r, code }, { nil, "timeout" })
    t.matches(message, "ran longer than 1000 ms and was stopped")
    t.equal(sleepers(n), 0, "processes left")
    t.truthy(loop.now_ms() - began < 12000, "it took too long")
    t.equal(conn:request({ script = "echo next", timeout_ms = 5000 }).out, "next\n")
  end)

  t.case(user .. ": the first signal ends the running script with all its children, and the run goes on", function()
    s.task(function()
      local n = unique()
      local child = s.start(([[
        s.task(function()
          local conn = assert(remote.connect(s.options { user = %q, become = %s }))
          print("up")
          local began = loop.now_ms()
          print("first", conn:request { script = %q, timeout_ms = 600000, capture = true })
          print("took", loop.now_ms() - began < 14000)
          print("again", conn:request({ script = "echo works", timeout_ms = 5000 }).out)
        end)
        os.exit(128 + loop.signal())]]):format(user, become, (STUBBORN:gsub("%%s", n))))
      wait_for("the script runs", function() return sleepers(n) >= 4 end)
      s.shell("kill -TERM " .. child.pid)
      wait_for("end of the child", function() return child.status() end)
      t.matches(child.out(), "first\tnil\tinterrupted by signal 15\tinterrupted\ntook\ttrue\nagain\tworks\n")
      t.equal(child.status(), "143\n")
      t.equal(sleepers(n), 0, "processes left")
    end)
  end)
end

s.case("what has become a daemon stays", {}, function(conn)
  local n = unique()
  local r = conn:request { capture = true, timeout_ms = 1000,
    script = ("setsid sh -c 'sleep %s & ' >/dev/null 2>&1\nsleep 100"):format(n) }
  t.equal(r, nil)
  t.equal(sleepers(n), 1)
  s.shell("for f in $(" .. find(n) .. "); do f=${f#/proc/}; kill ${f%/*}; done")
end)

t.case("a signal: what was not sent is not run, what has no limit runs on, what succeeded has succeeded", function()
  s.task(function()
    local n = unique()
    local child = s.start(([[
      s.task(function()
        local conn = assert(remote.connect(s.options()))
        local flight = loop.spawn(function()
          return conn:requests { { script = "echo a" }, { script = "sleep %s", timeout_ms = 60000 }, { script = "touch %s" } }
        end)
        print("flight", select(2, flight:join()))
        print("there", conn:request({ script = "ls %s 2>/dev/null | wc -l" }).out)
      end)]]):format(n, s.dir .. "/never", s.dir .. "/never"))
    wait_for("the script runs", function() return sleepers(n) == 1 end)
    s.shell("kill -TERM " .. child.pid)
    wait_for("end of the child", function() return child.status() end)
    t.matches(child.out(), "flight\tnil\tinterrupted by signal 15\tinterrupted\nthere\t0\n")
    t.equal(sleepers(n), 0)
  end)
end)

t.case("a signal while a script ignores it and succeeds: its answer counts", function()
  s.task(function()
    local n = unique()
    local child = s.start(([[
      s.task(function()
        local conn = assert(remote.connect(s.options()))
        local r = conn:request { script = "trap '' TERM; sleep 2.%s; echo done", timeout_ms = 60000 }
        print("answer", r and r.out)
      end)]]):format(n))
    wait_for("the script runs", function() return sleepers("2." .. n) == 1 end)
    s.shell("kill -TERM " .. child.pid)
    wait_for("end of the child", function() return child.status() end)
    t.matches(child.out(), "answer\tdone\n")
  end)
end)

s.case("a stop that comes too late is no request", {}, function(conn)
  -- The loop's own stream, written to by a script: what the controller sends when the script ends at the same time.
  t.equal(conn:request({ script = "echo one" }).out, "one\n")
  for _ = 1, 20 do
    local r = conn:request { script = "sleep 0.01", timeout_ms = 1000 }
    t.equal(r.rc, 0)
  end
end)

-- What watches a script may have hardly begun when the script has ended.
for _, user in ipairs(s.users { "dash", "bash", "ash" }) do
  s.shared_case(user, "scripts that end at once, many", function(conn)
    for i = 1, 200 do
      local r, message = conn:request { script = "echo " .. i, watch = true }
      t.equal(r and r.out, i .. "\n", message)
    end
  end)
end

t.case("a captured script leaves nothing in a later answer, and no output looks like an end", function()
  s.task(function()
    local conn <close> = assert(remote.connect(s.options()))
    local frame = "\n0123456789abcdef0123456789abcdef 1 0\n"
    local r = conn:request { script = "cat; (sleep 0.3; echo late; echo late >&2) &", stdin = frame:rep(3), capture = true,
      timeout_ms = 5000 }
    t.equal(r, { rc = 0, out = frame:rep(3), err = "" })
    t.equal(conn:request { script = "sleep 0.6; echo mine", timeout_ms = 5000 }, { rc = 0, out = "mine\n", err = "" })
  end)
end)

s.case("a host that does not cease to talk is given up", {}, function(conn)
  local r, message, code = conn:request { script = "yes", max_bytes = 1000, timeout_ms = 60000 }
  t.equal({ r, code }, { nil, "limit" })
  t.matches(message, "does not cease to talk")
end)
