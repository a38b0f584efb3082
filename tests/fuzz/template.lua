--- The template engine on any text.
local must = require "must"
local sandbox = require "neap.engine.sandbox"
local taint = require "neap.core.taint"
local template = require "neap.template"

local LIMITS = { instructions = 1000000, memory_bytes = 32 * 1024 * 1024, match_steps = 1000000 }
local SECRET = "hunter2 hunter2"

return function(text)
  local vars = { port = 80, name = "web", list = { 1, 2, 3 }, map = { a = { b = false } } }
  vars.pw = taint.new(SECRET, "pw")
  local compiled = template.compile(text, "t")
  local out = sandbox.run(LIMITS, template.render, compiled, vars, {})
  if type(out) == "string" then
    must(text:find(SECRET, 1, true) or not out:find(SECRET, 1, true), "a secret came out in clear")
  else
    must(taint.is(out), "neither text nor secret")
  end
end
