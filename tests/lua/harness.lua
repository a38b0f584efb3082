--- The least that a test in Lua needs: named cases, comparison, a count.
local t = { passed = 0, failed = 0 }

local function show(v, indent)
  indent = indent or ""
  if type(v) == "string" then return string.format("%q", v) end
  if type(v) ~= "table" then return tostring(v) end
  local keys, lines = {}, {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, k in ipairs(keys) do
    lines[#lines + 1] = indent .. "  [" .. show(k) .. "] = " .. show(v[k], indent .. "  ")
  end
  return "{\n" .. table.concat(lines, ",\n") .. "\n" .. indent .. "}"
end
t.show = show

local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for k, v in pairs(a) do if not same(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end
t.same = same

--- Runs `fn` as the case `name`; a raised error is a failure.
function t.case(name, fn, ...)
  local ok, err = xpcall(fn, debug.traceback, ...)
  if ok then
    t.passed = t.passed + 1
  else
    t.failed = t.failed + 1
    io.stdout:write("not ok - ", name, "\n", tostring(err), "\n")
  end
end

function t.equal(found, wanted, what)
  if same(found, wanted) then return end
  error((what or "values") .. " differ\nfound:  " .. show(found) .. "\nwanted: " .. show(wanted), 2)
end

function t.truthy(v, what) if not v then error((what or "value") .. " is " .. tostring(v), 2) end end

--- `fn` must raise an error whose text matches the Lua pattern `pattern`.
function t.raises(fn, pattern)
  local ok, err = pcall(fn)
  if ok then error("no error was raised; wanted: " .. pattern, 2) end
  if not tostring(err):find(pattern) then error("raised: " .. tostring(err) .. "\nwanted: " .. pattern, 2) end
end

function t.matches(s, pattern)
  if not tostring(s):find(pattern) then error("'" .. tostring(s) .. "' does not match '" .. pattern .. "'", 2) end
end

--- Prints the count; true when cases ran and all passed.
function t.finish()
  io.stdout:write(string.format("%d passed, %d failed\n", t.passed, t.failed))
  return t.failed == 0 and t.passed > 0
end

return t
