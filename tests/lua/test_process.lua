--- Whether another run of this machine has ended.
local t = require "harness"
local sys = require "neap.core.sys"
local process = require "neap.engine.process"

local me = process.me()
local pid, began, init, boot = me:match("^(%d+) (%d+) (%d+) ([%x-]+)$")

local cases = {
  { "this one goes on", me, false },
  { "a number that nobody has", ("99999999 %s %s %s"):format(began, init, boot), true },
  { "a number that another has now", ("%s %d %s %s"):format(pid, began + 1, init, boot), true },
  { "another container", ("99999999 %s %d %s"):format(began, init + 1, boot), false },
  { "another machine, or this one before", ("99999999 %s %s 0%s"):format(began, init, boot), false },
  { "none", "", false },
  { "what an older version says", nil, false },
  { "what a host may say", "1/../../x 1 " .. init .. " " .. boot, false },
}

for _, case in ipairs(cases) do
  t.case(case[1], function() t.equal(process.has_ended(case[2]), case[3]) end)
end

t.case("a process that ends has ended", function()
  local pipe = io.popen("cat /proc/self/stat; exec 2>&1")
  local stat = pipe:read("a")
  pipe:close()
  local fields = {}
  for field in stat:gsub("^.*%)", ""):gmatch("%S+") do fields[#fields + 1] = field end
  t.truthy(process.has_ended(("%s %s %s %s"):format(stat:match("^%d+"), fields[20], init, boot)))
end)

t.case("what this process is called is read once, however many hosts ask", function()
  local read_file, reads = sys.read_file, 0
  sys.read_file = function(...) -- luacheck: ignore 122
    reads = reads + 1
    return read_file(...)
  end
  local again = process.me()
  sys.read_file = read_file -- luacheck: ignore 122
  t.equal(again, me)
  t.equal(reads, 0)
end)
