--- neap lock: keeps hosts from being changed, with a reason.
local sys = require "neap.core.sys"
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local session = require "neap.engine.session"

local TIMEOUT_MS = 30000
local UNITS = { s = 1, m = 60, h = 3600, d = 86400 }

local MOST_S = 100 * 366 * 86400

-- "1h30m" in seconds.
local function seconds_of(text)
  local total = 0
  local rest = text:gsub("(%d+)([smhd])", function(n, unit)
    total = total + (#n < 12 and math.tointeger(n) * UNITS[unit] or MOST_S + 1)
    return ""
  end)
  if rest ~= "" or total == 0 or total > MOST_S then
    fault.raise("usage", nil, "'%s' is no time: write 45m, 2h, 1d or 1h30m", text)
  end
  return math.tointeger(total)
end

local function lock_host(host, ends, reason)
  local reply, message, code = host.conn:request {
    script = hostlock.hold_script(ends, reason), timeout_ms = TIMEOUT_MS,
  }
  if not reply then fault.raise(code, nil, "%s", message) end
  if reply.rc == 75 and host.lock.held then fault.raise("locked", nil, "%s", hostlock.say(host.lock)) end
  if reply.rc ~= 0 then
    fault.raise("failed", nil, "cannot be locked: %s", reply.err:match("[^\n]+") or "exit status " .. reply.rc)
  end
  host.locked = true
end

local function lock_all(opts, length)
  return command.ad_hoc(opts, function(self, ui)
    local ends = length and math.floor(sys.time()) + length
    session.each(self, "locking", function(host) lock_host(host, ends, opts.reason) end)
    for _, host in ipairs(self.hosts) do
      if host.locked then
        ui:line(string.format("%s  locked%s", ui:paint("green", host.name),
          ends and " until " .. hostlock.when(ends) or ""))
        ui:event { event = "locked", host = host.name, reason = opts.reason, ends = ends }
      end
    end
  end)
end

return function(opts)
  return command.plain(opts, function() return lock_all(opts, opts.lock_for and seconds_of(opts.lock_for)) end)
end
