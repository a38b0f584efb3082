--- Tells a finding from what may be said of bad input.
-- A fault is fine, and so is an error that is raised for people, without a place in a Lua file. A Lua error with one is
-- a mistake of ours, as is memory or stack that ran out.
local path = ...
package.path = path:match("^(.*)/") .. "/?.lua;" .. package.path
local fault = require "neap.engine.fault"
local target = dofile(path)

local function is_finding(err)
  if fault.is(err) then return err.code == "internal" end
  local text = tostring(err)
  return text:find("^[^\n]-%.lua:%d+: ") or text:find("^not enough memory") or text:find("stack overflow")
end

local function handler(err)
  if is_finding(err) then return debug.traceback(tostring(err), 2) end
end

return function(input)
  local ok, trace = xpcall(target, handler, input)
  if not ok and trace then error(trace, 0) end
end
