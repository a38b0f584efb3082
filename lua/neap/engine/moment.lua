--- Moments as people write them: "2026-11-01 12:00", "3 hours ago".
-- In local time, unless a zone is said.

local sys = require "neap.core.sys"
local fault = require "neap.engine.fault"

local moment = {}

local UNITS = { second = 1, minute = 60, hour = 3600, day = 86400, week = 7 * 86400 }
local SHORT = { s = "second", m = "minute", h = "hour", d = "day", w = "week" }

-- Longer numbers are no moments, and more than a date can hold.
local DIGITS_MAX = 6

local function ago(text)
  local count, unit = text:match("^(%d+) *(%a+) ago$")
  if not count then count, unit = text:match("^(%d+)(%a)$") end
  local seconds = unit and UNITS[SHORT[unit] or unit:gsub("s$", "")]
  return seconds and #count <= DIGITS_MAX and math.floor(sys.time()) - math.tointeger(count) * seconds or nil
end

-- Seconds east of UTC of a zone as ISO 8601 has it; nil for none.
local function offset(zone)
  if zone == "Z" or zone == "UTC" then return 0 end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return nil end
  return (sign == "-" and -1 or 1) * (hours * 3600 + minutes * 60)
end

-- Days since 1970 of a date of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then year = year - 1 end
  local shifted = (month + 9) % 12
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * shifted + 2) // 5 + day - 719469
end

local function is_date(date)
  local seconds = days(date.year, date.month, date.day) * 86400
  local there = os.date("!*t", seconds)
  return there.month == date.month and there.day == date.day and date.hour < 24 and date.min < 60 and date.sec < 61
end

local function absolute(text)
  local y, mo, d, rest = text:match("^(%d%d%d%d)%-(%d%d?)%-(%d%d?)(.*)$")
  if not y then return nil end
  local h, mi, rest_of_time = rest:match("^[ T](%d%d?):(%d%d)(.*)$")
  local s, zone = (rest_of_time or rest):match("^:(%d%d)(.*)$")
  zone = (zone or rest_of_time or rest):gsub("^ ", "")
  local date = {
    year = math.tointeger(y), month = math.tointeger(mo), day = math.tointeger(d),
    hour = math.tointeger(h or 0), min = math.tointeger(mi or 0), sec = math.tointeger(s or 0),
  }
  if not is_date(date) then return nil end
  if zone == "" then return os.time(date) end
  local east = offset(zone)
  return east and days(date.year, date.month, date.day) * 86400 + date.hour * 3600 + date.min * 60 + date.sec - east
end

--- Seconds of a span of time.
-- @usage moment.span "24h", "30m", "2 days"
function moment.span(text)
  local count, unit = text:match("^(%d+) *(%a+)$")
  local seconds = unit and UNITS[SHORT[unit] or unit:gsub("s$", "")]
  if seconds and #count <= DIGITS_MAX then return math.tointeger(count) * seconds end
  fault.raise("usage", nil, "'%s' is no span of time: write \"24h\", \"30m\" or \"2 days\"", text)
end

--- Seconds since 1970 of what `text` names; raises a fault where it names no
-- moment.
-- @usage moment.parse "2026-11-01 12:00", "2026-11-01T12:00:00Z", "2 hours ago", "90m", "@1700000000"
function moment.parse(text)
  local count = text:match("^@(%d+)$")
  local seconds = count and #count <= 2 * DIGITS_MAX and math.tointeger(count) or ago(text) or absolute(text)
  if seconds then return seconds end
  fault.raise("usage", nil, "'%s' is no time: write \"2026-11-01 12:00\", \"2026-11-01T12:00:00Z\" or \"2 hours ago\"",
    text)
end

--- As it is shown: local time.
function moment.text(seconds) return os.date("%Y-%m-%d %H:%M:%S", seconds) end

return moment
