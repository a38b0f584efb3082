--- How hosts stand, for `neap status`: from the state repository and the
-- journals alone, or with what the hosts themselves say.

local json = require "neap.core.json"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local inventory = require "neap.inventory"
local leftover = require "neap.engine.leftover"
local log = require "neap.engine.log"
local pending = require "neap.engine.pending"
local rotation = require "neap.engine.rotation"
local standing = require "neap.engine.standing"

local overview = {}

local TIMEOUT_MS = 30000

local function recorded_names(st, head)
  local names = {}
  for _, entry in ipairs(head and st:list(head, "hosts") or {}) do names[#names + 1] = entry.name end
  return names
end

-- The hosts that are meant: the inventory's where there is one, and recorded
-- ones that it no longer has.
local function chosen(opts, st, head)
  local ok, inv = pcall(function() return inventory.load(inventory.paths(opts), { extra = opts.extra }) end)
  if not ok and opts.inventory then error(inv, 0) end -- the one that was asked for
  local picked, names = {}, {}
  local function add(name)
    if not picked[name] then names[#names + 1] = name end
    picked[name] = true
  end
  if ok and (not opts.limit or pcall(inventory.select, inv, opts.limit)) then
    for _, entry in ipairs(inventory.select(inv, opts.limit)) do add(entry.name) end
    if opts.limit then return names end
  elseif opts.limit and not st then
    fault.raise("usage", nil, "no inventory and no state repository here: nothing that a pattern could match")
  end
  local filter = opts.limit and log.host_filter(opts, st, head)
  for _, name in ipairs(st and recorded_names(st, head) or {}) do
    if not filter or filter[name] then add(name) end
  end
  return names
end

-- A damaged record of one host does not keep the others from being seen.
local function status_at(name, text)
  local ok, status = pcall(standing.decode, text, name .. "/status.json")
  if ok then return status end
  if not fault.is(status) then error(status, 0) end
  return { status = "damaged", problem = status.message }
end

local function host_of(name, st, head, dead, alive)
  local last = head and st:log { rev = head, path = "hosts/" .. name, max = 1 }[1]
  local status = status_at(name, last and st:read(head, "hosts/" .. name .. "/status.json") or nil)
  local left = dead[name]
  if left then
    status = leftover.status(left.run, left.host, status)
    status.unrecorded = true
  end
  return {
    name = name, status = status.status and status or { status = "not recorded" }, commit = last and last.id,
    time = last and last.time, running = alive[name],
  }
end

--- The hosts that the options mean, as { name, status = decoded status.json
--   (its `unrecorded` where only a dead run's journal says it), commit, time,
--   running = { run, host } of a run that is at work, there = see look }.
-- @param st an open store, or nil
function overview.hosts(opts, st)
  local head = st and st:head()
  local dead, alive = leftover.by_host(opts)
  local list = {}
  for i, name in ipairs(chosen(opts, st, head)) do list[i] = host_of(name, st, head, dead, alive) end
  return list
end

local LOOK = [[
echo "[lock]"
L=/run/neap.lock; [ -w /run ] || L=${HOME:-/nowhere}/.neap.lock
if [ ! -f "$L" ]; then echo free
elif command -v flock >/dev/null; then if flock -n "$L" true; then echo free; else echo busy; cat "$L"; fi
elif read -r p 2>/dev/null <"$L.pid" && kill -0 "$p" 2>/dev/null; then echo busy; cat "$L"
else echo free; fi
cd /var/lib/neap 2>/dev/null || exit 0
echo "[unfinished]"; [ ! -f journal ] || tail -n 1 journal
echo "[pending]"
for f in pending/*; do [ ! -f "$f" ] || { printf '%s\t' "${f#pending/}"; cat "$f"; echo; }; done
]]

--- What a connected host says: { lock (see hostlock.parse), pending = { "id
--   (verb)" … }, machine_id }.
function overview.look(host)
  local reply, message, code = host.conn:request { script = LOOK, timeout_ms = TIMEOUT_MS }
  if not reply then fault.raise(code, nil, "%s", message) end
  local there = { lock = hostlock.parse("\n" .. reply.out), pending = {}, machine_id = host.facts.machine_id }
  there.lock.held, there.lock.drained = host.lock.held, host.lock.drained
  local marks = reply.out:match("%[pending%]\n(.*)$") or ""
  for file, verb in marks:gmatch("([^\t\n]+)\t(%a*)") do
    local id = file:gsub("%%2F", "/"):gsub("%%25", "%%")
    there.pending[#there.pending + 1] = string.format("%s (%s)", id, verb)
  end
  return there
end

local COLOR = { complete = "green", ["not recorded"] = "dim" }

-- How far a run came: the step that it began with, or after which it failed at something else.
local function step_of(status)
  local step, word = status.step, "after step"
  for _, entry in ipairs(status.journal or {}) do
    if entry.id == status.at and entry.n then step, word = entry.n, "step" end
  end
  return string.format("%s %s of %s, %s: ", word, step, status.steps or "?", status.at)
end

local function why_lines(lines, host)
  local status = host.status
  if status.problem then
    local at = status.at and status.at .. ": " or ""
    if status.step and status.at and not status.problem:find("at step", 1, true) then at = step_of(status) end
    lines[#lines + 1] = at .. fault.short(status.problem)
  end
  if status.status == "pending-rollback" then
    lines[#lines + 1] = "to do: " .. pending.command(status, host.name)
  end
  local due = {}
  for i, one in ipairs(status.pending_restarts or {}) do due[i] = string.format("%s (%s)", one.id, one.verb) end
  if due[1] then lines[#lines + 1] = "still due: " .. table.concat(due, ", ") end
  local out = status.out_of_rotation
  if out then lines[#lines + 1] = rotation.say(out) .. ": an apply puts it back" end
  if status.unrecorded then lines[#lines + 1] = "not in git yet: the next run that changes something records it" end
end

-- Whether a host is another machine than the one that is recorded.
local function is_another(status, there)
  return status.machine_id ~= nil and there.machine_id ~= nil and status.machine_id ~= there.machine_id
end

local function there_lines(lines, there, status)
  if is_another(status, there) then
    lines[#lines + 1] = "on the host: it is another machine than the recorded one: its machine-id differs"
  end
  if there.problem then lines[#lines + 1] = "on the host: " .. there.problem end
  local lock = there.lock or {}
  if lock.busy then lines[#lines + 1] = "on the host: " .. hostlock.say { busy = lock.busy } end
  if lock.held then
    local over = hostlock.is_held(lock) and "" or " (that is over)"
    lines[#lines + 1] = "on the host: " .. hostlock.say { held = lock.held } .. over
  end
  if there.pending and there.pending[1] then
    lines[#lines + 1] = "on the host: still due: " .. table.concat(there.pending, ", ")
  end
  if lock.drained then lines[#lines + 1] = "on the host: " .. rotation.say(lock.drained) end
  local last = there.lock and not there.lock.busy and there.lock.unfinished
  if last then
    local function said(name) return type(last[name]) == "table" and "?" or tostring(last[name] or "?") end
    lines[#lines + 1] = string.format("on the host: a run of %s did not end: step %s of %s, %s", said "by", said "n",
      said "of", said "id")
  end
end

--- Lines about a host: the first is its head.
function overview.lines(host, ui)
  local status = host.status
  local since = status.since or host.time
  local lines = {
    string.format("%s  %s%s%s", host.name, ui:paint(COLOR[status.status] or "red", status.status),
      since and " since " .. hostlock.when(since) or "", host.commit and "  " .. host.commit:sub(1, 12) or ""),
  }
  why_lines(lines, host)
  if host.running then
    local run, at = host.running.run, host.running.host
    lines[#lines + 1] = string.format("now: %s by %s since %s, step %d of %d", run.verb or "run", run.by or "?",
      hostlock.when(run.time), at.step or 0, at.steps or 0)
  end
  if host.there then there_lines(lines, host.there, status) end
  for i = 2, #lines do lines[i] = "  " .. ui:clean(lines[i]) end
  return lines
end

--- The same for programs.
function overview.event(host)
  local status, there = host.status, host.there
  return {
    event = "status", host = host.name, status = status.status, since = status.since or host.time, commit = host.commit,
    at = status.at, step = status.step, steps = status.steps, problem = status.problem, target = status.target,
    tags = status.tags, options = status.options,
    pending_restarts = json.array(status.pending_restarts or {}), unrecorded = status.unrecorded,
    running = host.running and host.running.run, pending_there = there and json.array(there.pending or {}),
    out_of_rotation = status.out_of_rotation, out_of_rotation_there = there and there.lock and there.lock.drained,
    another_machine = there and is_another(status, there) or nil,
    locked = there and there.lock and (hostlock.say(there.lock) or false),
  }
end

return overview
