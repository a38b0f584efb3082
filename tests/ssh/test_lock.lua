--- The lock of a run: held by its connection's shell, gone with it, and not inherited by what a script leaves behind.
local t = require "harness"
local s = require "ssh_host"
local remote = require "neap.core.remote"
local loop = require "neap.core.loop"
local facts = require "neap.engine.facts"
local hostlock = require "neap.engine.hostlock"
local process = require "neap.engine.process"
local relock = require "neap.engine.relock"
local session = require "neap.engine.session"

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
      local now, problem = relock.take(second, holder, lock)
      t.equal(problem, nil)
      t.truthy(now.own and now.pid ~= lock.pid)
      t.equal(first:request({ script = "echo" }), nil)
      local third <close> = connect(user)
      local none, why = relock.take(third, "eve@ctl\t1000000001\tapply one.lua", lock)
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
        t.equal(relock.is_stale(other), case[3])
        if case[3] then t.truthy(relock.take(second, by .. "\t1000000000\tapply two.lua", other.busy).own) end
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

-- Enters a host as an apply does: nil, or why not.
local function entered(user)
  local o = s.options { user = user }
  local host = { name = "web1", entry = { name = "web1", address = o.address, port = o.port, user = user,
    connection = { private_key = o.identities, known_hosts = o.known_hosts } } }
  local run = { verb = "apply", opts = { args = { "two.lua" }, json = true }, hosts = { host } }
  local ok, problem = pcall(session.enter, run, host)
  if host.conn then host.conn:close() end
  return not ok and tostring(problem) or nil
end

local HOLD = [[
L=/run/neap.lock; [ -w /run ] || L=$HOME/.neap.lock
(flock 9; echo; exec sh -c 'printf "%s" >"$1"; exec sleep %d' sh "$L" >/dev/null 2>&1) 9<>"$L" & echo $!]]

-- { what, the lock's line, for how many seconds it is held, why it is not had, after how many seconds at most }
for _, case in ipairs {
  { "one whom nobody knows is waited for", "", 5, nil, 9 },
  { "so is one who came after a run that has ended", "eve@elsewhere\\t1\\tapply\\t99999999\\t1 2 3 4\\n", 5, nil, 9 },
  { "but not for ever", "", 40, "locked by another run that has just begun", 14 },
  { "who is known is not waited for", "eve@elsewhere\\t1\\tapply\\t$$\\t1 2 3 4\\n", 40, "locked by eve@elsewhere since", 6 },
} do
  t.case("a lock in the way: " .. case[1], function()
    s.task(function()
      local user = s.options().user
      local other <close> = connect(user)
      local pid = other:request({ script = HOLD:format(case[2], case[3]), capture = true }).out:match("%d+")
      local began = loop.now_ms()
      local why = entered(user)
      other:request { script = "kill " .. pid }
      t.equal(why and why:sub(1, #(case[4] or "")), case[4])
      t.truthy(loop.now_ms() - began < case[5] * 1000, "it took " .. loop.now_ms() - began .. " ms")
    end)
  end)
end
