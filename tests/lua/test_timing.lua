local t = require "harness"
local timing = require "neap.engine.timing"

local function clock()
  local ms = 1000
  return function() return ms end, function(more) ms = ms + more end
end

t.case("each change has its own seconds", function()
  local now, pass = clock()
  local watch = timing.new(now)
  pass(1234)
  t.equal({ watch:lap() }, { 1.234, 0.0 })
  pass(6)
  t.equal({ watch:lap() }, { 0.006, 0.0 })
end)

t.case("waiting for other hosts is counted apart, all of it, once", function()
  local now, pass = clock()
  local watch = timing.new(now)
  watch:wait(pass, 2000)
  watch:wait(pass, 500)
  pass(100)
  t.equal({ watch:lap() }, { 0.1, 2.5 })
  pass(30)
  t.equal({ watch:lap() }, { 0.03, 0.0 })
end)

t.case("what is waited for may fail", function()
  local now = clock()
  local ok, problem = pcall(function() timing.new(now):wait(error, "out", 0) end)
  t.equal({ ok, problem }, { false, "out" })
end)

t.case("a line a change, and one for a transaction", function()
  t.equal(timing.say({ id = "service:app" }, 0.56, 0), "service:app: 0.6 s")
  t.equal(timing.say({ id = "service:app" }, 0.56, 0.01), "service:app: 0.6 s")
  t.equal(timing.say({ id = "command:join" }, 1.5, 4.94), "command:join: 1.5 s after 4.9 s of waiting")
  local batch = { changes = { { id = "package:a" }, { id = "package:b" }, { id = "package:c" } } }
  for _, change in ipairs(batch.changes) do change.batch = batch end
  t.equal(timing.say(batch.changes[1], 28, 0), "package:a and 2 more: 28.0 s")
  t.equal(timing.say(batch.changes[2], 0, 0), nil)
  local alone = { id = "package:a", batch = { changes = {} } }
  alone.batch.changes[1] = alone
  t.equal(timing.say(alone, 2, 0), "package:a: 2.0 s")
end)
