--- Runs that are at work on a host: the journal here of such a run, or the host's own where it is another
-- controller's. Of what they have made nothing is recorded yet, and it is nobody else's doing.

local json = require "neap.core.json"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local leftover = require "neap.engine.leftover"
local overview = require "neap.engine.overview"
local relock = require "neap.engine.relock"
local shape = require "neap.engine.shape"

local at_work = {}

local JOURNAL, TIMEOUT_MS = "cat /var/lib/neap/journal 2>/dev/null || :\n", 30000

-- @return { by, verb, since, step, steps, made = as status.json has it, for brief.has_made }
local function of_journal(one)
  local host, run = one.host, one.run
  return {
    by = run.by, verb = run.verb, since = run.time, step = host.step, steps = host.steps,
    made = { journal = host.entries, step = host.ended ~= "ok" and host.step or nil },
  }
end

--- What journals here say: { [host] = { by, verb, since, step, steps, made } }.
-- @param alive the second that leftover.by_host gives
function at_work.all(alive)
  local list = {}
  for name, one in pairs(alive) do list[name] = of_journal(one) end
  return list
end

--- The same of one host; nil where none says anything of it.
function at_work.here(opts, name)
  local _, alive = leftover.by_host(opts, name)
  return alive[name] and of_journal(alive[name])
end

-- What is read of a step.
local STEP = { n = "integer", of = "?integer", id = "string", kind = "?string", trigger = "?string" }

local function is_state(value) return not value or type(value) == "table" end

--- The steps that a host's own journal has of the run that is at work: those since the last one that ended.
function at_work.steps(text)
  local entries = {}
  for line in text:gmatch("[^\n]+") do
    local entry = json.decode(line)
    if type(entry) == "table" and entry.ended then
      entries = {}
    elseif shape.fits(entry, STEP) and is_state(entry.before) and is_state(entry.after) then
      entries[#entries + 1] = entry
    end
  end
  return entries
end

--- The same of a connected host, by its lock and its own journal; nil where nobody is at work.
function at_work.there(host)
  local lock = overview.look(host).lock
  local busy = lock.busy
  if not busy or relock.is_stale(lock) then return nil end
  local reply, message, code = host.conn:request { script = JOURNAL, timeout_ms = TIMEOUT_MS }
  if not reply then fault.raise(code, nil, "%s", message) end
  local entries = at_work.steps(reply.out)
  local last = entries[#entries] or {}
  return {
    by = busy.by, verb = busy.what and busy.what:match("^%S+"), since = busy.since, step = last.n, steps = last.of,
    made = { journal = entries, step = last.n },
  }
end

--- It for programs.
function at_work.told(one)
  return { by = one.by, verb = one.verb, since = one.since, step = one.step, steps = one.steps }
end

--- It in words.
function at_work.say(one)
  local far = one.step and (": step %s of %s"):format(one.step, one.steps or "?") or ""
  return ("%s by %s since %s is at work there now%s"):format(one.verb or "a run", one.by or "somebody",
    hostlock.when(one.since), far)
end

return at_work
