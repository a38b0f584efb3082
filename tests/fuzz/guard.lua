--- Tells a finding from what may be said of bad input (see finding.lua).
local path = ...
package.path = path:match("^(.*)/") .. "/?.lua;" .. package.path
local is_finding = require "finding"
local target = dofile(path)

local function handler(err)
  if is_finding(err) then return debug.traceback(tostring(err), 2) end
end

return function(input)
  local ok, result = xpcall(target, handler, input)
  if ok then return result end
  if result then error(result, 0) end
end
