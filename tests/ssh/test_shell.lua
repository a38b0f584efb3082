-- Scripts on a host: every login shell, streams of every size, frames, limits.
local t = require "harness"
local s = require "ssh_host"
local loop = require "neap.core.loop"

-- Bytes of every value, which no line or shell would leave alone.
local function noise(n)
  local all = {}
  for i = 0, 255 do all[i] = string.char(i) end
  local block = table.concat(all, "", 0, 255)
  return (block:rep(n // 256 + 1)):sub(1, n)
end

local sizes = { 0, 1, 2, 511, 4096, 65535, 65536, 65537, 200001 }

for _, user in ipairs(s.users { "root", "dash", "bash", "ash", "old", "sudoer", "sudopty" }) do
  s.shared_case(user, "status, output and errors come apart", function(conn)
    t.equal(conn:request { script = "echo out; echo err >&2; exit 3" }, { rc = 3, out = "out\n", err = "err\n" })
    t.equal(conn:request { script = "printf 'no newline'" }, { rc = 0, out = "no newline", err = "" })
    t.equal(conn:request { script = "false" }, { rc = 1, out = "", err = "" })
    t.equal(conn:request { script = "" }, { rc = 0, out = "", err = "" })
  end)

  s.shared_case(user, "stdin and stdout carry every byte at every size", function(conn)
    local requests = {}
    for i, n in ipairs(sizes) do requests[i] = { script = "cat", stdin = noise(n) } end
    for i, r in ipairs(conn:requests(requests)) do
      t.equal(r.rc, 0)
      t.truthy(r.out == noise(sizes[i]), "output of " .. sizes[i] .. " bytes differs (" .. #r.out .. ")")
    end
  end)

  s.shared_case(user, "stdin that is not read is not taken for the next request", function(conn)
    local rs = conn:requests { { script = "exit 4", stdin = noise(100000) }, { script = "echo next" } }
    t.equal({ rs[1].rc, rs[2].out }, { 4, "next\n" })
  end)

  s.shared_case(user, "long scripts", function(conn)
    local long = ("# a comment that makes the script longer\n"):rep(5000) .. "cat; echo end"
    t.equal(conn:request({ script = long, stdin = "x\n" }).out, "x\nend\n")
    t.equal(conn:request({ script = "x='\\a  \\\\n'\nprintf '%s' \"$x\"" }).out, "\\a  \\\\n")
    t.equal(conn:request({ script = "cat <<E\n  \tkept  \nE\n" }).out, "  \tkept  \n")
  end)

  s.shared_case(user, "a script cannot harm the loop", function(conn)
    local rs = conn:requests {
      { script = "exit 7" }, { script = "exec true" }, { script = "set -e; false; echo never" },
      { script = "cd /nowhere || x=1; trap 'echo bye' EXIT; unset N s p q n d" }, { script = "if then" },
      { script = "kill -9 $(sh -c 'echo $PPID')" }, { script = "exec >&- 2>&- <&-" },
      { script = "set -u; echo \"$undefined\"" }, { script = "pwd; umask" },
    }
    for i, want in ipairs { 7, 0, 1, 0, false, 137, 0, false, 0 } do
      t.truthy(rs[i].rc, "request " .. i .. ": " .. tostring(rs[i].error))
      if want then t.equal(rs[i].rc, want, "status of request " .. i) else t.truthy(rs[i].rc ~= 0, "status " .. i) end
    end
    t.equal(rs[4].out, "bye\n")
    t.equal(rs[9].out, "/\n0022\n")
  end)

  s.shared_case(user, "a command never sees the nonce", function(conn)
    local r = conn:request { script = "set; export -p; env; tr '\\0' '\\n' </proc/self/environ; echo $K; "
      .. "tr '\\0' ' ' </proc/$$/cmdline; tr '\\0' '\\n' </proc/$$/environ; ls /proc/self/fd" }
    t.truthy(#r.out > 100)
    for word in r.out:gmatch("%x+") do
      t.truthy(#word < 32, "this looks like the nonce: " .. word)
    end
  end)

  s.shared_case(user, "a daemon that keeps its output holds nobody up when captured", function(conn)
    local began = loop.now_ms()
    local r = conn:request { script = "echo started; (sleep 30; echo late) & echo $!", capture = true }
    t.truthy(loop.now_ms() - began < 10000, "it waited for the daemon")
    t.equal(conn:request({ script = "echo after", capture = true }).out, "after\n")
    t.matches(r.out, "^started\n%d+\n$")
    conn:request { script = "kill " .. r.out:match("%d+") }
  end)

  s.shared_case(user, "a script that runs too long is stopped, and the next one runs", function(conn)
    local began = loop.now_ms()
    local rs = conn:requests { { script = "echo x; sleep 60", timeout_ms = 1000 }, { script = "echo next" } }
    t.equal(rs[1].code, "timeout")
    t.matches(rs[1].error, "longer than 1000 ms")
    t.equal(rs[2].out, "next\n")
    t.truthy(loop.now_ms() - began < 15000, "it was not stopped")
    t.equal(conn:request({ script = "cat; exit 5", stdin = "in", timeout_ms = 20000 }), { rc = 5, out = "in", err = "" })
  end)
end

s.case("output beyond the limit is an error, and the next request is answered", {}, function(conn)
  local rs = conn:requests {
    { script = "head -c 3000000 /dev/zero", max_bytes = 1000000 }, { script = "head -c 999 /dev/zero", max_bytes = 999 },
    { script = "head -c 5000 /dev/zero >&2", max_bytes = 999 }, { script = "echo x", max_bytes = 0 }, { script = "echo y" },
  }
  t.equal({ rs[1].code, #rs[2].out, rs[3].code, rs[4].code, rs[5].out }, { "limit", 999, "limit", "limit", "y\n" })
  t.matches(rs[1].error, "1000000 bytes")
end)

s.case("of captured output only as much is sent as is read, however much there is", {}, function(conn)
  local before = conn.stats.bytes_in
  local rs = conn:requests { { script = "head -c 90000000 /dev/zero", capture = true }, { script = "echo y" } }
  t.equal({ rs[1].code, rs[2].out }, { "limit", "y\n" })
  t.truthy(conn.stats.bytes_in - before < 17000000, "all of it was sent")
end)

s.case("requests of one flight are answered in their order", {}, function(conn)
  local requests = {}
  for i = 1, 200 do requests[i] = { script = "echo " .. i .. "; echo e" .. i .. " >&2" } end
  for i, r in ipairs(conn:requests(requests)) do
    t.equal(r, { rc = 0, out = i .. "\n", err = "e" .. i .. "\n" })
  end
end)

s.case("several tasks share a connection", {}, function(conn)
  local tasks = {}
  for i = 1, 20 do
    tasks[i] = loop.spawn(function() return conn:request({ script = "echo " .. i }).out end)
  end
  for i, task in ipairs(tasks) do t.equal({ task:join() }, { true, i .. "\n" }) end
end)

s.case("large payloads both ways at once do not lock up", {}, function(conn)
  for _, n in ipairs { 1048576, 1048577 } do -- the size of a block on the host, and a byte more
    local data = noise(n)
    local rs = conn:requests { { script = "cat; cat /dev/null", stdin = data }, { script = "cat >&2", stdin = data } }
    t.truthy(rs[1].out == data and rs[2].err == data)
  end
end)

s.case("the prologue is answered by the time the connection stands", { prologue = "echo early; exit 9" }, function(conn)
  t.equal(conn.prologue, { rc = 9, out = "early\n", err = "" })
  t.equal(conn.stats.requests, 1)
end)

s.case("misuse raises", {}, function(conn)
  t.raises(function() conn:request {} end, "'script' must be a string")
  t.raises(function() conn:request { script = "a\0b" } end, "zero byte")
  t.raises(function() conn:request { script = "a", timeout_ms = -1 } end, "timeout_ms")
  t.raises(function() conn:requests { { script = "true" }, {} } end, "'script'")
  local _, message = coroutine.resume(coroutine.create(function() conn:request { script = "true" } end))
  t.matches(message, "coroutine inside of a task")
  t.equal(conn:request({ script = "echo fine" }).out, "fine\n")
  t.equal(conn:requests {}, {})
  conn:close()
  t.raises(function() conn:request { script = "true" } end, "closed")
end)

s.case("a failing task leaves the others and their connections alone", {}, function(conn)
  local bad = loop.spawn(function()
    conn:request { script = "sleep 0.1" }
    error("on purpose")
  end)
  local good = loop.spawn(function() return conn:request({ script = "sleep 0.2; echo good" }).out end)
  t.equal((bad:join()), false)
  t.equal({ good:join() }, { true, "good\n" })
end)

s.case("closing answers what waits", {}, function(conn)
  local task = loop.spawn(function() return conn:request { script = "sleep 5" } end)
  loop.sleep(100)
  conn:close()
  local ok, r, message, code = task:join()
  t.equal({ ok, r, code }, { true, nil, "shell" })
  t.matches(message, "closed")
end)
