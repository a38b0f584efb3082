-- Tasks, joins, sleeps and events of neap.core.loop.
local t = require "harness"
local loop = require "neap.core.loop"

t.case("run gives the results of the task", function()
  t.equal({ loop.run(function(a, b) return a + b, "x" end, 1, 2) }, { true, 3, "x" })
end)

t.case("an error ends its task alone, with a traceback", function()
  local ok, message, other
  loop.run(function()
    local bad = loop.spawn(function() error("no such luck") end)
    local good = loop.spawn(function() loop.sleep(1) return "fine" end)
    ok, message = bad:join()
    other = { good:join() }
  end)
  t.equal(ok, false)
  t.matches(message, "no such luck")
  t.matches(message, "traceback")
  t.equal(other, { true, "fine" })
end)

t.case("a time beyond all reckoning is one to wait for", function()
  local ok, value = loop.run(function()
    local event = loop.event()
    loop.spawn(function() loop.sleep(5) event:set("here") end)
    return event:wait(math.maxinteger)
  end)
  t.equal({ ok, value }, { true, "here" })
  local remote = require "neap.core.remote"
  t.raises(function()
    error((select(2, loop.run(remote.connect, { name = "x", address = "x", connect_timeout_ms = math.maxinteger }))))
  end, "'connect_timeout_ms' must be a whole number from 0 to 1125899906842624")
end)

t.case("tasks take turns: sleeping side by side costs the time of the longest", function()
  local began = loop.now_ms()
  local order = {}
  loop.run(function()
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = loop.spawn(function() loop.sleep(100 - 4 * i) order[#order + 1] = i end)
    end
    for _, task in ipairs(tasks) do task:join() end
  end)
  t.equal(order[1], 20)
  t.equal(order[20], 1)
  t.truthy(loop.now_ms() - began < 1000, "it took the sum of the times")
end)

t.case("a task can be joined many times, also after its end", function()
  local results = {}
  loop.run(function()
    local task = loop.spawn(function() loop.sleep(5) return 7 end)
    local joiners = {}
    for i = 1, 5 do
      joiners[i] = loop.spawn(function() local _, v = task:join() results[i] = v end)
    end
    for _, j in ipairs(joiners) do j:join() end
    results[6] = select(2, task:join())
  end)
  t.equal(results, { 7, 7, 7, 7, 7, 7 })
end)

t.case("an event wakes all who wait, and those who come later", function()
  local seen = {}
  loop.run(function()
    local ev = loop.event()
    local tasks = {}
    for i = 1, 3 do tasks[i] = loop.spawn(function() seen[i] = ev:wait() end) end
    loop.sleep(1)
    ev:set("go")
    for _, task in ipairs(tasks) do task:join() end
    seen[4] = ev:wait()
  end)
  t.equal(seen, { "go", "go", "go", "go" })
end)

t.case("waiting for an event can time out", function()
  local found
  loop.run(function()
    local ev = loop.event()
    found = { ev:wait(5) }
    ev:set(1)
    found[4] = ev:wait(5)
  end)
  t.equal(found[1], nil)
  t.equal(found[3], "timeout")
  t.equal(found[4], 1)
end)

t.case("an event is set once", function()
  loop.run(function()
    local ev = loop.event()
    ev:set(1)
    t.raises(function() ev:set(2) end, "set already")
  end)
end)

t.case("waiting outside of a task raises", function()
  t.raises(function() loop.sleep(1) end, "loop%.run")
end)

t.case("waiting in a coroutine inside of a task raises", function()
  local message
  loop.run(function()
    local _, m = coroutine.resume(coroutine.create(function() loop.sleep(1) end))
    message = m
  end)
  t.matches(message, "coroutine inside of a task")
end)

t.case("a task that yields by itself fails instead of hanging", function()
  local ok, message = loop.run(function() coroutine.yield(1) end)
  t.equal(ok, false)
  t.matches(message, "outside of any wait")
end)

t.case("waits work under pcall and in iterators", function()
  local sum = 0
  local ok = loop.run(function()
    local function numbers() loop.sleep(1) sum = sum + 1 if sum < 3 then return sum end end
    for _ in numbers do pcall(loop.sleep, 1) end
  end)
  t.equal(ok, true)
  t.equal(sum, 3)
end)

t.case("a task that nobody holds runs to its end", function()
  local done = false
  loop.run(function()
    loop.spawn(function() loop.sleep(2) done = true end)
    collectgarbage()
    loop.sleep(20)
    collectgarbage()
  end)
  t.equal(done, true)
end)

t.case("a thousand tasks", function()
  local count = 0
  loop.run(function()
    local tasks = {}
    for i = 1, 1000 do tasks[i] = loop.spawn(function() loop.sleep(i % 7) count = count + 1 end) end
    for _, task in ipairs(tasks) do task:join() end
  end)
  t.equal(count, 1000)
end)

t.case("to-be-closed variables of a failed task are closed", function()
  local closed = false
  loop.run(function()
    loop.spawn(function()
      local guard <close> = setmetatable({}, { __close = function() closed = true end })
      loop.sleep(1)
      error(guard and "fails")
    end):join()
  end)
  t.equal(closed, true)
end)

-- Every allocation of Lua's fails once, or so: whatever raises, nothing is left in an impossible state.
t.case("memory that runs out at any point leaves the loop usable", function()
  local memory, remote = require "neap.core.memory", require "neap.core.remote"
  local function work()
    local ev = loop.event()
    local a = loop.spawn(function() loop.sleep(0) ev:set(1) return 1, 2 end)
    local b = loop.spawn(function() ev:wait(1000) error("on purpose") end)
    local conn, _, code = remote.connect { name = "x", address = "127.0.0.1", port = 1, identities = { "/x" }, known_hosts = { "/x" } }
    a:join()
    b:join()
    return conn, code
  end
  local failed, done, extra = 0, 0, 0
  while done < 3 and extra < 200000 do
    local ok, fine, _, code
    pcall(function()
      memory.limit(memory.used() + extra)
      ok, fine, _, code = pcall(loop.run, work)
    end)
    memory.limit(0)
    if ok and fine and code == "unreachable" then done = done + 1 else failed = failed + 1 end
    extra = extra + 48
  end
  t.equal(done, 3)
  t.truthy(failed > 20, "memory never ran out")
end)
