--- neap unlock: takes the locks of `neap lock` away.
local command = require "neap.engine.command"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local relock = require "neap.engine.relock"
local session = require "neap.engine.session"

local TIMEOUT_MS = 30000

local function run(host, script)
  local reply, message, code = host.conn:request { script = script, timeout_ms = TIMEOUT_MS }
  if not reply then fault.raise(code, nil, "%s", message) end
  if reply.rc ~= 0 then
    fault.raise("failed", nil, "cannot be unlocked: %s", reply.err:match("[^\n]+") or "exit status " .. reply.rc)
  end
  return reply.out:match("[^\n]+")
end

local function unlock_host(host, opts)
  if opts.break_lock then host.broken_lock = run(host, relock.break_script()) end
  if host.lock.held then
    run(host, hostlock.release_script())
    host.unlocked = true
  end
end

local function said(host)
  local parts = {}
  if host.broken_lock then parts[1] = "ended the run of " .. host.broken_lock end
  if host.unlocked then parts[#parts + 1] = "was " .. hostlock.say(host.lock) end
  return parts[1] and table.concat(parts, "; ") or "is not locked"
end

return function(opts)
  return command.ad_hoc(opts, function(self, ui)
    session.each(self, "unlocking", function(host) unlock_host(host, opts) end)
    for _, host in ipairs(self.hosts) do
      if host.status == "ok" then
        ui:line(ui:paint("green", host.name) .. "  " .. ui:clean(said(host)))
        ui:event { event = "unlocked", host = host.name, held = host.unlocked or false, broken = host.broken_lock }
      end
    end
  end)
end
