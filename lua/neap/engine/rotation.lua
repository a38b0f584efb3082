--- In and out of rotation: around the change of a host, others are told to send it no work, and to send it some again.
--
--     journal ─ mark on the host ─ drain ─ change ─ enable ─ the mark goes
--
-- A run that dies in between leaves the host out, and both say so: the journal here, for `neap status` and the record,
-- and the mark on the host, for whoever comes next, from wherever. The next run that changes puts it back, also where
-- it finds nothing to change. Nobody does so before: what is half changed had better get no work.
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local journal = require "neap.engine.journal"
local session = require "neap.engine.session"

local rotation = {}

local REQUEST_MS = 60 * 1000

-- A connection to a host of the inventory: it may be out of this run, or have been closed since nothing changes there.
local function line_to(self, name)
  local host = self.by_name[name]
  if host and (host.conn or host.status == "unreachable") then return host.conn end
  self.others = self.others or {}
  if self.others[name] == nil then
    local entry = self.inventory.by_name[name]
    local conn = entry and session.reconnect(self, { entry = entry }, 10000)
    self.others[name] = conn or false
  end
  return self.others[name] or nil
end

-- Runs a command on one host; whether that could be asked.
local function tell_one(self, name, command, what)
  local conn = line_to(self, name)
  local reply, message
  if conn then
    reply, message = conn:request { script = command.run, capture = true, timeout_ms = command.timeout_s * 1000 }
  end
  if not reply then
    self.ui:err(("%s: could not be asked to %s: %s"):format(name, what, message or "it is not reachable"))
    return false
  end
  if reply.rc ~= 0 then
    fault.raise("failed", nil, "%s on '%s': exit status %d: %s", what, name, reply.rc,
      (reply.err .. reply.out):gsub("%s+$", ""))
  end
  return true
end

-- Runs the commands; returns those that were told, and those that could not be reached, by name.
local function tell(self, commands, what)
  local told, missed = {}, {}
  for _, command in ipairs(commands or {}) do
    for _, name in ipairs(command.on) do
      local into = tell_one(self, name, command, what) and told or missed
      into[name] = true
    end
  end
  return told, missed
end

-- Writes the mark on the host, or takes it away. Where we are not root there is none.
local function mark(host, out)
  if not host.conn or host.facts.uid ~= 0 then return end
  local script = out and hostlock.drained_script(out) or hostlock.enabled_script()
  local reply, message, code = host.conn:request { script = script, timeout_ms = REQUEST_MS, watch = false }
  if not reply then fault.raise(code, nil, "%s", message) end
  if reply.rc ~= 0 then fault.raise("failed", nil, "cannot write down that it is out of rotation: %s", reply.err) end
end

local function take_out(self, host, said)
  if said.enable then
    local out = hostlock.drained_now()
    journal.rotation(self, host, "out")
    mark(host, out)
    host.out = out
  end
  -- A host that cannot be reached is none that has to be told.
  host.drained_on = tell(self, said.drain, "drain " .. host.name)
end

-- Who was told to send no work and cannot be told to send some again, keeps the host out.
local function is_still_out(host, missed)
  for name in pairs(missed) do
    if not host.drained_on or host.drained_on[name] then return true end
  end
  return false
end

local function put_back(self, host, said)
  if host.out and not said.enable then
    return self.ui:err(("%s: %s; what is carried out here does not say how it comes back: apply the playbook whose "
      .. "`rolling` does"):format(host.name, rotation.say(host.out)))
  end
  local _, missed = tell(self, said.enable, "enable " .. host.name)
  local stays = is_still_out(host, missed)
  host.drained_on = nil
  if stays or not host.out then return end
  host.out = nil
  journal.rotation(self, host, "in")
  local ok, problem = pcall(mark, host)
  if not ok then self.ui:err(("%s: %s"):format(host.name, tostring(problem))) end
end

--- Calls fn(host) while the host is out of rotation; it comes back however that ends. One that an earlier run has left
-- out comes back, too.
function rotation.around(self, host, fn)
  local said = host.plan.desired.rolling or {}
  local leaves = host.rolls and said.drain
  if not leaves and not host.out then return fn(host) end
  local ok, problem = true, nil
  if leaves then ok, problem = pcall(take_out, self, host, said) end
  if ok then ok, problem = pcall(fn, host) end
  local back, complaint = pcall(put_back, self, host, said)
  if not ok then error(problem, 0) end
  if back then return end
  if host.status == "ok" then error(complaint, 0) end
  self.ui:err(("%s: %s"):format(host.name, tostring(complaint)))
end

--- That a host is out, in words.
-- @param out { by, since }
function rotation.say(out)
  return ("is out of rotation since %s (%s)"):format(hostlock.when(out.since), out.by or "?")
end

--- Tells of the hosts of a plan that earlier runs have left out of rotation; returns whether there are any.
function rotation.told(self)
  local any = false
  for _, host in ipairs(self.hosts) do
    if host.status == "ok" and host.out then
      self.ui:line(self.ui:clean(("%s: %s: an apply puts it back, unless that run still goes on"):format(host.name,
        rotation.say(host.out))))
      self.ui:event { event = "out-of-rotation", host = host.name, by = host.out.by, since = host.out.since }
      any = true
    end
  end
  return any
end

--- Says goodbye to hosts that are not of the run.
function rotation.close(self)
  for _, conn in pairs(self.others or {}) do
    if conn then conn:close() end
  end
  self.others = nil
end

return rotation
