--- Errors that a person can do something about.
--
-- A fault is raised with error(), like any Lua error, and carries what the
-- command line needs to say it well:
--     code     short name; decides the exit code: "playbook", "inventory",
--              "usage", "unreachable", "hostkey", "auth", "sudo", "timeout",
--              "failed", "rolled-back", "stale", "locked", "store", "interrupted",
--              "memory", "internal"
--     where    "file:line", a host, the id of a resource whose step failed, or nil
--     declared "file:line" of that resource, or nil
--     message  one sentence, lower case, no full stop
-- A Lua error that is not a fault is a mistake in Neap or in a type, and is
-- shown with its traceback.

local taint = require "neap.core.taint"

local fault = {}

local Fault = {}
Fault.__index = Fault
Fault.__name = "fault"
Fault.__metatable = "fault" -- all hosts share it, and a playbook may meet one

function Fault:__tostring()
  local declared = self.declared and self.declared .. ": " or ""
  if self.where then return declared .. self.where .. ": " .. self.message end
  return self.message
end

--- A fault as a value. What a host has said may stand in it, and it is recorded: secrets go here already.
function fault.new(code, where, fmt, ...)
  local message = taint.mask(select("#", ...) > 0 and string.format(fmt, ...) or fmt)
  return setmetatable({ code = code, where = where, message = message }, Fault)
end

--- Raises a fault; `fmt` and what follows make its message.
function fault.raise(code, where, fmt, ...) error(fault.new(code, where, fmt, ...), 0) end

--- Whether a raised value is a fault.
function fault.is(v) return debug.getmetatable(v) == Fault end

--- A raised value as a fault where a person can do something about it (memory that ran out is no mistake of Neap's),
-- else nil.
function fault.caught(err)
  if fault.is(err) then return err end
  local said = type(err) == "string" and err:gsub("^[^\n]-%.lua:%d+: ", "")
  if said == "not enough memory" or said == "out of memory" then
    return fault.new("memory", nil, "out of memory: run on fewer hosts at a time with --forks")
  end
end

--- The message of any raised value, without the place in a Lua file of the engine or of a type.
function fault.plain(err)
  if fault.is(err) then return err.message end
  return (tostring(err):gsub("^[^\n:]*%.lua:%d+: ", ""))
end

-- What systemd and systemctl say around the reason why a unit did not come up: `systemctl status`, whose lines are
-- indented but for the first, and what is logged of the unit itself.
local AROUND = {
  "^%s%s", "^[x*\xC3\xE2]%S?%S? %S+%.%l+$", "^[x*\xC3\xE2]%S?%S? %S+%.%l+ %- ",
  "^%S+%.service: ", "^%S+%.socket: ", "^%S+%.timer: ", "^Job for ", "^See \"systemctl",
  "^Start[ie]", "^Stopp[ie]", "^Reload[ie]", "^Failed to %l+ %S+%.%l+", "^Dependency failed ",
}

local function is_around(line)
  for _, pattern in ipairs(AROUND) do
    if line:find(pattern) then return true end
  end
  return line == ""
end

--- A problem in one line: the first that tells something, behind what stands before all that a host has said.
function fault.short(text)
  local first = text:match("[^\n]*")
  local head, said = text:match("^([^\n]-exit status %d+: )(.*)$")
  if not head then return first end
  for line in said:gmatch("[^\n]+") do
    if not is_around(line) then return head .. line end
  end
  return first
end

--- Whether a raised value is a sentence, error("…", 0), as types and questions say what they cannot do: it has no place
-- in a Lua file, and is no mistake that a traceback would help with. (What a function of C runs into has no place.)
function fault.is_sentence(err)
  return type(err) == "string" and not err:find("%.lua:%d+: ") and not err:find("^attempt to ")
end

--- The code of a request that was not answered: a script that had to be ended has failed, but its host can still be
-- reached.
function fault.of_reply(conn, code)
  if (code == "timeout" or code == "limit") and not conn.error then return "failed" end
  return code
end

return fault
