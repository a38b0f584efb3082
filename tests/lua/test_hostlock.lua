--- The scripts by which a run takes a host's lock, before any host runs them.
local t = require "harness"
local hostlock = require "neap.engine.hostlock"

t.case("the first script of a run that changes something is whole, with nothing left to be filled in", function()
  local script = hostlock.prologue("echo facts\n", "ada@ctl\t1\tapply site.lua")
  t.truthy(script:find("'ada@ctl\t1\tapply site.lua'", 1, true), "the holder stands in it")
  t.truthy(script:find(hostlock.sweep_script(), 1, true), "and the sweep, as it is elsewhere")
  t.truthy(not script:find("%%%%s"), "no format of a format")
  t.truthy(os.execute("sh -n -c " .. require("neap.sh").quote(script)), "a shell reads it")
end)

t.case("one that only looks takes nothing", function()
  t.truthy(not hostlock.prologue("echo facts\n"):find("flock", 1, true))
end)
