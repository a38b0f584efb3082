local t = require "harness"
local log = require "neap.engine.log"

t.case("where nothing was recorded yet, the operator is told so, not a host blamed", function()
  local ok, problem = pcall(log.open, { state = "/no/such/state.git" })
  t.equal({ ok, problem.code }, { false, "usage" })
  t.matches(problem.message, "no state repository here")
end)
