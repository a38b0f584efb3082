-- run.lua FILE...: runs test files; exits 1 when a case fails or none ran.
local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path
local t = require "harness"
for _, path in ipairs(arg) do
  package.path = (path:match("^(.*)/[^/]*$") or ".") .. "/?.lua;" .. package.path
  dofile(path)
end
os.exit(t.finish() and 0 or 1, true)
