--- Whether a raised value is a mistake of ours.
-- A fault is fine, and so is an error that is raised for people, without a place in a Lua file. A Lua error with one is
-- a mistake, as is one that a function of C ran into, and memory or stack that ran out.
local fault = require "neap.engine.fault"

return function(err)
  if fault.is(err) then return err.code == "internal" end
  local text = tostring(err)
  return text:find("^[^\n]-%.lua:%d+: ") or text:find("^attempt to ") or text:find("^not enough memory")
    or text:find("^C? ?stack overflow")
end
