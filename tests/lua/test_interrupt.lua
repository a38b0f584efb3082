-- A signal while a playbook runs. It stays noted for the rest of the process, so nothing else is tested here.
local t = require "harness"
local fault = require "neap.engine.fault"
local loop = require "neap.core.loop"
local project = require "project"
local sandbox = require "neap.engine.sandbox"

local SITE = [[
local ok = pcall(function()
  note "it runs"
  while true do end
end)
error "no such end can be caught"
]]

t.case("a signal ends a playbook that runs long, where it is", function()
  local problem
  assert(loop.run(function()
    local ok
    ok, problem = pcall(project.evaluate, { site = SITE }, nil, {
      note = function() sandbox.outside(os.execute, "kill -TERM $PPID") end,
    })
    t.equal(ok, false)
  end))
  t.equal(fault.is(problem), true)
  t.equal({ problem.code, problem.where, problem.message },
    { "interrupted", "playbooks/site.lua:3", "interrupted by signal 15" })
  t.equal(loop.signal(), 15)
end)

project.clean()

t.case("a signal that came too late to stop anything is none of the result", function()
  local session = require "neap.engine.session"
  local signal = loop.signal
  local function exit_of(...)
    local hosts = {}
    for i, status in ipairs { ... } do hosts[i] = { status = status } end
    loop.signal = function() return 15 end
    local ok, exit = pcall(session.exit_code, { hosts = hosts }, 0)
    loop.signal = signal
    return ok and exit
  end
  t.equal({ exit_of("ok", "ok"), exit_of("ok", "failed"), exit_of("unreachable") }, { 0, 143, 143 })
end)
