--- The lock of a run: held by its connection's shell, gone with it, and not inherited by what a script leaves behind.
local t = require "harness"
local s = require "ssh_host"
local remote = require "neap.core.remote"
local loop = require "neap.core.loop"
local facts = require "neap.engine.facts"
local hostlock = require "neap.engine.hostlock"
local process = require "neap.engine.process"

local function connect(user, what, by)
  local holder = what and ((by or "ada@ctl") .. "\t1000000000\t" .. what)
  local conn = assert(remote.connect(s.options {
    user = user, prologue = hostlock.prologue(facts.script, holder), prologue_here = holder ~= nil,
  }))
  return conn, hostlock.parse(conn.prologue.out)
end

local function refused(lock)
  local ok, problem = pcall(hostlock.check, lock)
  return not ok and problem.code .. ": " .. problem.message or nil
end

for _, user in ipairs(s.users { "dash", "bash", "busybox" }) do
  t.case(user .. ": one run at a time; who looks does not wait", function()
    s.task(function()
      local first, lock = connect(user, "apply one.lua")
      t.truthy(lock.own)
      t.equal(refused(lock), nil)
      t.truthy(facts.parse(first.prologue.out).uid, "the facts are still told")
      local second <close>, other = connect(user, "apply two.lua")
      t.matches(refused(other), "^locked: locked by ada@ctl since 2001%-09%-09 %d%d:%d%d %(apply one.lua%)$")
      local third <close>, none = connect(user)
      t.equal({ none.own, none.busy }, { false, nil })
      t.equal(second:request({ script = "echo still here" }).out, "still here\n")
      t.equal(third:request({ script = "echo and here" }).out, "and here\n")
      first:close()
    end)
  end)

  t.case(user .. ": it is gone with the connection, and no daemon keeps it", function()
    s.task(function()
      local first, lock = connect(user, "apply one.lua")
      t.truthy(lock.own)
      local r = first:request { script = "sleep 20 >/dev/null 2>&1 & echo $!; ls -l /proc/self/fd >&2", capture = true }
      t.truthy(not r.err:find("neap.lock", 1, true), "a script inherits the lock: " .. r.err)
      first:close()
      local began = loop.now_ms()
      local second <close>, other = connect(user, "apply two.lua")
      t.truthy(other.own, "the lock outlived its connection")
      t.truthy(loop.now_ms() - began < 10000)
      second:request { script = "kill " .. r.out:match("%d+") }
    end)
  end)

  t.case(user .. ": another connection takes it over, from a shell that lives on, and from nobody else", function()
    s.task(function()
      local holder = "ada@ctl\t1000000000\tapply one.lua"
      local first, lock = connect(user, "apply one.lua")
      local second <close> = connect(user)
      local now, problem = hostlock.retake(second, holder, lock)
      t.equal(problem, nil)
      t.truthy(now.own and now.pid ~= lock.pid)
      t.equal(first:request({ script = "echo" }), nil)
      local third <close> = connect(user)
      local none, why = hostlock.retake(third, "eve@ctl\t1000000001\tapply one.lua", lock)
      t.equal(none, nil)
      t.matches(why, "^locked by ada@ctl since")
      t.equal(second:request({ script = "echo here" }).out, "here\n")
      first:close()
    end)
  end)

  t.case(user .. ": a run of this machine that has ended loses it, though the host has not heard so", function()
    s.task(function()
      local me, ended = process.me, process.me():gsub("^%d+", "99999999")
      local by = hostlock.person()
      for _, case in ipairs { { by, ended, true }, { "eve@elsewhere", ended, false }, { by, me(), false } } do
        process.me = function() return case[2] end
        local first, lock = connect(user, "apply one.lua", case[1])
        process.me = me
        t.truthy(lock.own)
        local second <close>, other = connect(user, "apply two.lua")
        t.equal(hostlock.is_stale(other), case[3])
        if case[3] then t.truthy(hostlock.retake(second, by .. "\t1000000000\tapply two.lua", other.busy).own) end
        first:close()
      end
    end)
  end)

  t.case(user .. ": variables of the loop survive a script that runs in it", function()
    s.task(function()
      local conn <close> = connect(user, "apply one.lua")
      local long = "echo " .. ("x"):rep(9000) .. " | wc -c"
      t.equal(conn:request({ script = long, capture = true }).out, "9001\n")
      t.equal(conn:request({ script = "cat", stdin = "a\0b" }).out, "a\0b")
    end)
  end)
end
