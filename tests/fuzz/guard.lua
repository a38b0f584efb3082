--- Tells a finding from what may be said of bad input (see finding.lua).
local path = ...
package.path = path:match("^(.*)/") .. "/?.lua;" .. package.path
local is_finding = require "finding"
local target = dofile(path)

local function handler(err)
  if is_finding(err) then return debug.traceback(tostring(err), 2) end
end

return function(input)
  local ok, trace = xpcall(target, handler, input)
  if not ok and trace then error(trace, 0) end
end
