--- Which process this is, so that another run can tell whether it has ended.
--
-- "PID BEGAN INIT BOOT": the process and when it began, when the first process
-- that it can see began (another one in a container), and the boot of the
-- kernel, which no other machine shares. What cannot be told for sure has not
-- ended.

local sys = require "neap.core.sys"

local process = {}

local BOOT = "/proc/sys/kernel/random/boot_id"
local STATE, BEGAN = 1, 20 -- fields behind the name, which may hold anything

-- State and beginning of a process; nil where there is none, false where that cannot be told.
local function look(pid)
  local text, _, code = sys.read_file("/proc/" .. pid .. "/stat")
  if not text then return code ~= "notfound" and false or nil end
  local fields = {}
  for field in text:gsub("^.*%)", ""):gmatch("%S+") do fields[#fields + 1] = field end
  return fields[BEGAN] and { pid = text:match("^%d+"), state = fields[STATE], began = fields[BEGAN] }
end

local function surroundings()
  local init, boot = look("1"), sys.read_file(BOOT)
  return init and boot and init.began .. " " .. boot:match("%S*")
end

local mine -- what it is called does not change: each host's lock asks for it

--- This process; "" where it cannot be told from others.
function process.me()
  if mine then return mine end
  local here, me = surroundings(), look("self")
  mine = here and me and ("%s %s %s"):format(me.pid, me.began, here)
  return mine or ""
end

--- Whether the process of that name, of this machine, has surely ended.
function process.has_ended(name)
  local pid, began, rest = (name or ""):match("^(%d+) (%d+) (.+)$")
  if not pid or rest ~= surroundings() then return false end
  local now = look(pid)
  if now == false then return false end
  return not now or now.began ~= began or now.state == "Z" or now.state == "X"
end

return process
