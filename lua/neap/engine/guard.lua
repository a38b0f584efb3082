--- The lock-out guard: changes that can cut the controller off are made under a dead-man's switch.
--
--     arm ── change … change ── log in anew, health checks ──┬─ disarm
--      │                                                     └─ go back: at once where we still can say so,
--      └──────── deadline ───────────────────────────────────── else the host by itself
--
-- What is guarded stands in guarded.lua, what runs on the host in guard_script.lua.
local loop = require "neap.core.loop"
local crypto = require "neap.core.crypto"
local fault = require "neap.engine.fault"
local guarded = require "neap.engine.guarded"
local keep = require "neap.engine.guard_keep"
local reach = require "neap.reach"
local script = require "neap.guard_script"
local taint = require "neap.core.taint"

local DEFAULT_TIMEOUT_S = 60
local MARGIN_S = 2 -- before the deadline a host that has not let us in is given up
local REQUEST_MS = 20 * 1000
local FIRE_MS = 150 * 1000
local STEP_TIMEOUT_S = 30 * 60
-- Refusals that another attempt will not change, after so many of them.
local FINAL = { auth = true, sudo = true, hostkey = true, shell = true }
local REFUSALS = 3
-- Types that leave what was there, or what is wanted, and nothing between.
local WHOLE = { file = true, symlink = true, line = true, block = true }
local guard = {}
local Guard = {}
Guard.__index = Guard

--- The guard of one host's plan.
-- @param how { host = { conn, plan }, login = name of the user that we log in as, timeout_s = nil,
--   connect = function(timeout_ms) -> connection | nil, message, code;
--   relock = function(connection) -> whether it holds the run's lock now, and why not;
--   reached = function(id) -> whether it is done; say = function(text) for progress }
function guard.new(how)
  local self = setmetatable({}, Guard)
  for name, value in pairs(how) do self[name] = value end
  self.timeout_s = self.timeout_s or DEFAULT_TIMEOUT_S
  self.starts, self.place = {}, {}
  for i, change in ipairs(self.host.plan.changes) do self.place[change.id] = i end
  for _, window in ipairs(guarded.windows(self.host.plan.changes, self.login)) do self.starts[window.first] = window end
  return self
end

local function ask(conn, request)
  local reply, message, code = conn:request {
    script = request.script, stdin = request.stdin, capture = true, timeout_ms = request.timeout_ms or REQUEST_MS,
  }
  if not reply then return nil, message, code end
  return reply
end

-- ---- arming ----

local function must(self, request, what)
  local reply, message, code = ask(self.host.conn, request)
  if not reply then fault.raise(code, nil, "%s: %s", what, message) end
  if reply.rc ~= 0 then fault.raise("failed", nil, "%s: %s", what, reply.err) end
end

local function set_deadline(self, seconds) self.until_ms = loop.now_ms() + (seconds - MARGIN_S) * 1000 end

local function arm(self, window, ctx)
  local kept = keep(window, ctx)
  kept.id, kept.timeout_s = crypto.random_hex(6), self.timeout_s
  self.open, self.kept, self.dirty = window, kept, false
  set_deadline(self, self.timeout_s)
  local ok, problem = pcall(function()
    must(self, { script = script.arm(kept), stdin = script.program(kept) }, "cannot arm the lock-out guard")
    for i, step in ipairs(kept.undo) do
      must(self, { script = script.put(kept.id, tostring(i)), stdin = step.run }, "cannot keep the way back")
      if step.stdin then
        must(self, { script = script.put(kept.id, i .. ".in"), stdin = step.stdin }, "cannot keep the way back")
      end
    end
    for i, step in ipairs(kept.redo) do
      must(self, { script = script.put(kept.id, "again" .. i), stdin = step.run }, "cannot keep the way back")
    end
  end)
  if ok then return end
  self.open = nil
  ask(self.host.conn, { script = script.disarm(kept.id) })
  ask(self.host.conn, { script = script.clean(kept.id) })
  error(problem, 0)
end

local function renew(self, seconds)
  set_deadline(self, seconds)
  local reply, message, code = ask(self.host.conn, { script = script.renew(self.kept.id, seconds) })
  if not reply then fault.raise(code, nil, "%s", message) end
  if reply.rc ~= 0 then fault.raise("failed", nil, "the lock-out guard did not wait: it took longer than %d s",
    self.timeout_s) end
end

-- ---- the proof: a new login, and the health checks ----

local function left_ms(self) return self.until_ms - loop.now_ms() end

-- Logs in anew, as often as there is time for.
local function log_in(self)
  local refused = 0
  while true do
    local conn, message, code = self.connect(math.max(1000, math.min(10000, left_ms(self))))
    if conn then return conn end
    if FINAL[code] then refused = refused + 1 end
    if code == "interrupted" or refused >= REFUSALS or left_ms(self) <= 0 then
      return nil, ("no new login: %s"):format(message)
    end
    loop.sleep(300)
  end
end

-- A connection on which something can be run as the user that we become; or nil and why not.
local function work_anew(self)
  local conn, why = log_in(self)
  if not conn then return nil, why end
  local reply, message = ask(conn, { script = "true", timeout_ms = math.max(1000, left_ms(self)) })
  if reply and reply.rc == 0 then return conn end
  conn:close()
  return nil, ("nothing runs on a new connection: %s"):format(message or reply.err)
end

-- Health checks that the change must not have broken: those that passed before, and those that this run has reached.
local function checks_of(self)
  local list = {}
  for _, resource in ipairs(self.host.plan.desired.list) do
    local before = self.host.plan.observed and self.host.plan.observed[resource.id]
    if resource.type == "check" and not resource.absent and (before and before.passes or self.reached(resource.id)) then
      list[#list + 1] = resource
    end
  end
  return list
end

local function check_health(self, conn)
  for _, resource in ipairs(checks_of(self)) do
    local seconds = math.max(1, math.min(resource.attrs.timeout_s or 10, left_ms(self) // 1000))
    local script_of_check = reach.wait(resource.attrs, seconds)
    local reply, message = ask(conn, { script = script_of_check, timeout_ms = (seconds + 5) * 1000 })
    if not reply or reply.rc ~= 0 then
      return nil, ("%s does not pass: %s"):format(resource.id, message or reply.err:gsub("%s+$", ""))
    end
  end
  return true
end

-- A new connection on which all is well; or nil and why not.
local function prove(self)
  self.say("logging in anew")
  local conn, why = work_anew(self)
  if not conn then return nil, why end
  local well
  well, why = check_health(self, conn)
  if well then return conn end
  conn:close()
  return nil, why
end

-- Whether the connection that we have still answers.
local function is_alive(conn)
  local reply = conn:request { script = ":", timeout_ms = 5000 }
  return reply ~= nil and reply.rc == 0
end

-- Goes on with another connection, which must have the run's lock as the old one had. Returns why it has not.
local function replace(self, conn)
  self.host.conn:close()
  self.host.conn = conn
  local locked, why = self.relock(conn)
  return not locked and "the connection that held the run's lock is gone, and it cannot be had again: " .. why or nil
end

-- Goes on with the old connection where it lives: what holds on to it (a lock) stays.
local function keep_one(self, conn, where)
  if is_alive(self.host.conn) then
    conn:close()
    return nil
  end
  local unlocked = replace(self, conn)
  if unlocked then fault.raise("locked", where, "%s; nothing more is changed", unlocked) end
  return conn
end

-- ---- the way back ----

-- What the host says of the guard once it can be asked: the evidence, or nil.
local function told(conn, id, why)
  local reply = ask(conn, { script = script.fire(id, why), timeout_ms = FIRE_MS })
  return reply and reply.rc == 0 and reply.out or nil
end

-- The connection is gone: the host goes back by itself, and then lets us in again.
local function await_host(self, id, why)
  local give_up = math.max(self.until_ms, loop.now_ms()) + (MARGIN_S + 60) * 1000
  repeat
    local conn = self.connect(5000)
    if conn then
      self.unlocked = replace(self, conn)
      return told(conn, id, why)
    end
    if not loop.sleep(500) then return nil end
  until loop.now_ms() > give_up
end

local function go_back(self, why)
  local id = self.kept.id
  self.say("going back")
  why = why:gsub("[%c]+", " ")
  return is_alive(self.host.conn) and told(self.host.conn, id, why) or await_host(self, id, why)
end

local function mark_put_back(self, done, owed)
  local window = self.open
  for _, change in ipairs(window.causes) do owed[change.id] = nil end
  for i = window.first, window.last do
    local change = self.host.plan.changes[i]
    if window.ids[change.id] and done[change.id] then done[change.id].put_back = true end
  end
end

-- A step that the host says has failed has changed nothing, where what it makes is renamed into place.
local function is_whole(change, problem)
  return change.broken and WHOLE[change.resource.type] and problem.said_by_host
end

-- Whether something of the window has been changed and not been put back.
local function anything_done(self, done, problem)
  for id in pairs(self.open.ids) do
    if done[id] and not done[id].put_back and not is_whole(done[id], problem) then return true end
  end
  return false
end

local function disarm(self, conn)
  local reply = ask(conn or self.host.conn, { script = script.disarm(self.kept.id) })
  if not reply or reply.rc ~= 0 then return nil end
  self.open = nil
  return true
end

-- ---- hooks of apply ----

local function is_member(window, change) return window.ids[change.id] end

--- Before a change: arms where a window begins; what stands in a window and is not guarded may take its time.
-- @param ctx what types get to make steps
function Guard:before(change, ctx)
  local window = self.starts[self.place[change.id]]
  if window and not self.open then return arm(self, window, ctx) end
  if not self.open then return end
  if is_member(self.open, change) then
    if self.far then renew(self, self.timeout_s) end
    self.far = false
  elseif not self.far then
    local conn, why = prove(self)
    if not conn then fault.raise("failed", change.id, "%s", why) end
    conn:close()
    renew(self, STEP_TIMEOUT_S)
    self.far = true
  end
end

--- The time that a step may take, where it would be `ms` without a guard: a connection that is cut tells nothing.
function Guard:limit(ms)
  if not self.open then return ms end
  return math.max(1000, math.min(ms, left_ms(self)))
end

--- After a change: where the window ends, the host must let us in and be well.
-- @return the connection to go on with, where it is another
function Guard:after(change)
  if not self.open or self.place[change.id] < self.open.last then return nil end
  local conn, why = prove(self)
  if not conn then fault.raise("failed", change.id, "%s", why) end
  if not disarm(self, conn) then
    conn:close()
    fault.raise("failed", change.id, "the lock-out guard did not wait: it took longer than %d s", self.timeout_s)
  end
  return keep_one(self, conn, change.id)
end

--- The run has ended with `problem`: what stands under the guard goes back.
-- @param done the changes made so far, by id
-- @param owed the restarts that are due, by id: those that came with the change are not
-- @return the problem to report
function Guard:failed(problem, done, owed)
  if not self.open then return problem end
  if not anything_done(self, done, problem) and disarm(self) then return problem end
  local evidence = go_back(self, problem.message)
  if not evidence then
    return fault.new("unreachable", problem.where,
      "%s\nthe host was not reachable again; its lock-out guard goes back by itself", problem.message)
  end
  mark_put_back(self, done, owed)
  self.host.evidence = taint.mask(evidence)
  self.open = nil
  local gone = table.concat(self.kept.ids, ", ")
  if self.unlocked then
    return fault.new("locked", problem.where, "%s\ngone back: %s\n%s", problem.message, gone, self.unlocked)
  end
  return fault.new("rolled-back", problem.where, "%s\ngone back: %s", problem.message, gone)
end

-- ---- what earlier runs have left ----

local function settle_one(self, left, say)
  local waited = 0
  while left.state == "armed" and waited < left.seconds + 30 do
    say(("an earlier run's lock-out guard is armed for %d more seconds"):format(left.seconds - waited))
    if not loop.sleep(1000) then return end
    waited = waited + 1
    local reply = ask(self.conn, { script = script.FACTS })
    if not (reply and reply.out:find(left.id .. " armed", 1, true)) then left.state = "fired" end
  end
  local reply = left.state ~= "known" and ask(self.conn, { script = script.told(left.id) })
  ask(self.conn, { script = script.clean(left.id) })
  return reply and reply.out ~= "" and taint.mask(reply.out) or nil
end

--- Before a host is planned for a change: waits for a guard of an earlier run that is still armed, and takes away what
-- such guards have left.
-- @param host { conn, guards = { { id, state = "armed"|"fired"|"known"|"broken", seconds } … } }
-- @return the evidence of what went back since, or nil
function guard.settle(host, say)
  local evidence = {}
  for _, left in ipairs(host.guards or {}) do evidence[#evidence + 1] = settle_one(host, left, say) end
  host.guards = nil
  return evidence[1] and table.concat(evidence, "\n")
end

return guard
