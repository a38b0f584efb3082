--- A run over hosts: who takes part, how they are reached, and how each of
-- them ended.
--
-- Every host is a task of its own; what happens on one never waits for
-- another but where a playbook says so. A host that fails keeps its reason
-- and drops out; the others go on.

local loop = require "neap.core.loop"
local remote = require "neap.core.remote"
local private = require "neap.core.private"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local approach = require "neap.engine.approach"
local facts = require "neap.engine.facts"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local inventory = require "neap.inventory"
local relock = require "neap.engine.relock"

local session = {}

local DEFAULT_FORKS = 500

local STATUS_OF_CODE = { stale = "stale", locked = "locked", ["rolled-back"] = "rolled-back", skipped = "skipped" }
for _, code in ipairs { "unreachable", "timeout", "hostkey", "auth", "sudo", "shell", "closed", "protocol" } do
  STATUS_OF_CODE[code] = "unreachable"
end

local function ask_passwords(opts)
  local function ask(text, otherwise)
    local answer, message = private.prompt(text, "password")
    if not answer then fault.raise("usage", nil, "%s: %s", message, otherwise) end
    return answer
  end
  if opts.ask_pass then opts.password = ask("login password: ", "log in with a key, or put it into the inventory") end
  if opts.ask_become_pass then
    opts.become_password = ask("sudo password: ", "--become-password-file reads it from a file")
  end
  if opts.become_password_file then
    local text, message = sys.read_file(opts.become_password_file)
    if not text then fault.raise("usage", nil, "%s", message) end
    opts.become_password = taint.new((text:gsub("\n$", "")), "password")
  end
end

--- Opens a run: reads the inventory, chooses the hosts.
-- @param opts options of the command line
-- @return { hosts = { host … }, inventory, opts, ui }
function session.open(opts, ui)
  if opts.forks and opts.forks < 1 then fault.raise("usage", nil, "--forks wants at least one host at a time") end
  ask_passwords(opts)
  local inv = inventory.load(inventory.paths(opts), { extra = opts.extra, secrets = opts.secrets })
  local self = { opts = opts, ui = ui, inventory = inv, hosts = {}, by_name = {} }
  for _, entry in ipairs(inventory.select(inv, opts.limit)) do
    local host = { name = entry.name, entry = entry, status = "ok" }
    self.hosts[#self.hosts + 1] = host
    self.by_name[host.name] = host
  end
  return self
end

--- Notes that a host is out, and why.
function session.drop(host, problem)
  if not fault.is(problem) then problem = fault.new("internal", host.name, "%s", tostring(problem)) end
  host.problem = host.problem or problem
  host.status = STATUS_OF_CODE[problem.code] or "failed"
end

-- An earlier run of this machine has ended, but not its shell on the host; or nobody can say whose the lock is.
local function take_again(self, host)
  local was, is_stale = host.lock, relock.is_stale(host.lock)
  local now, _, other = relock.take(host.conn, host.holder, {})
  host.lock = now or other or was
  host.lock.held, host.lock.drained = was.held, was.drained
  if not now or not is_stale then return end
  self.ui:detail(string.format("%s: took the lock of a run that has ended: %s", host.name, hostlock.say(was)))
end

--- Connects to a host, and learns its facts and locks.
function session.enter(self, host)
  local holder = hostlock.holder(self)
  local conn, message, code = approach.connect(self, host, approach.options(host.entry, self.opts, holder))
  if not conn then fault.raise(code, nil, "%s", message) end
  host.conn, host.holder = conn, holder
  host.lock = hostlock.parse(conn.prologue.out)
  local may_be_had = holder and (relock.is_stale(host.lock) or relock.is_nameless(host.lock))
  if may_be_had then take_again(self, host) end
  if holder then hostlock.check(host.lock) end
  host.out = host.lock.drained
  host.facts, host.guards = facts.parse(conn.prologue.out)
  host.entry.facts = host.facts
end

--- Another connection to a host, by full authentication: connection | nil, message, code.
function session.reconnect(self, host, timeout_ms)
  local options = approach.options(host.entry, self.opts)
  for name, value in pairs(host.certified or {}) do options[name] = value end
  options.connect_timeout_ms, options.auth_timeout_ms, options.prologue = timeout_ms, timeout_ms, nil
  return remote.connect(options)
end

--- Has a connection that stands in for the host's hold the run's lock, where the run has one.
-- @return the lock, or nil and why not
function session.relock(host, conn)
  if not host.holder then return host.lock end
  local lock, why = relock.take(conn, host.holder, host.lock)
  host.lock = lock or host.lock
  return lock, why
end

--- The user that a host is logged in to as.
function session.login(self, host) return approach.options(host.entry, self.opts).user end

local function work_through(self, queue, what, fn)
  while true do
    local host = table.remove(queue, 1)
    if not host then return end
    local ok, problem = xpcall(fn, function(e)
      return fault.caught(e) or fault.new("internal", nil, "%s", debug.traceback(tostring(e)))
    end, host)
    if not ok then session.drop(host, problem) end
    self.finished = self.finished + 1
    self.ui:status(string.format("%s: %d of %d hosts", what, self.finished, self.total))
  end
end

--- Runs `fn(host)` as a task a host, over the hosts that are still in.
-- Only inside loop.run. @param what a word for the progress line
-- @param limit at most this many at a time, nil: as many as -f says
-- @param hosts of these hosts, nil: of all
function session.each(self, what, fn, limit, hosts)
  local queue = {}
  for _, host in ipairs(hosts or self.hosts) do
    if host.status == "ok" then queue[#queue + 1] = host end
  end
  self.finished, self.total = 0, #queue
  local tasks = {}
  local forks = self.opts.forks or DEFAULT_FORKS
  for i = 1, math.min(#queue, forks, limit or forks) do
    tasks[i] = loop.spawn(work_through, self, queue, what, fn)
  end
  for _, task in ipairs(tasks) do
    local ok, problem = task:join()
    if not ok then error(problem, 0) end
  end
end

--- Connects every host and learns its facts.
function session.connect(self)
  session.each(self, "connecting", function(host) session.enter(self, host) end)
end

--- Says goodbye to one host.
function session.leave(host)
  if host.conn then host.conn:close() end
  host.conn = nil
end

--- Says goodbye to all hosts.
function session.close(self)
  for _, host in ipairs(self.hosts) do session.leave(host) end
end

local ORDER = { "failed", "rolled-back", "unreachable", "stale", "locked" }
local EXITS = { unreachable = 4, failed = 3, stale = 5, locked = 6, ["rolled-back"] = 7 }

--- The exit code of a run: the gravest of its hosts', or that of the signal which stopped it; `otherwise` where all
-- are well, also where a signal came too late to stop anything.
function session.exit_code(self, otherwise)
  local seen = {}
  for _, host in ipairs(self.hosts) do seen[host.status] = true end
  for _, status in ipairs(ORDER) do
    if seen[status] then return loop.signal() and 128 + loop.signal() or EXITS[status] end
  end
  return otherwise
end

-- A problem in words; it stands behind the host's name, and need not begin with it again.
local function complaint(host)
  local text, own = tostring(host.problem), ("host '%s': "):format(host.name)
  return text:sub(1, #own) == own and text:sub(#own + 1) or text
end

--- Prints what went wrong, host by host, equal complaints folded.
function session.problems(self)
  local ui = self.ui
  local order, by_text = {}, {}
  for _, host in ipairs(self.hosts) do
    if host.problem then
      local text = complaint(host)
      if not by_text[text] then
        by_text[text] = {}
        order[#order + 1] = text
      end
      table.insert(by_text[text], host.name)
      ui:event {
        event = "error", host = host.name, code = host.problem.code, where = host.problem.where,
        declared = host.problem.declared, message = host.problem.message,
      }
    end
  end
  for _, text in ipairs(order) do
    ui:err(string.format("%s: %s", table.concat(by_text[text], ", "), text))
  end
end

--- The last line of the JSON stream.
function session.summary(self, exit, changes, commit)
  local json = require "neap.core.json"
  local hosts = {}
  for _, host in ipairs(self.hosts) do hosts[host.name] = { status = host.status, changes = host.changes or 0 } end
  self.ui:event { event = "summary", exit = exit, changes = changes, commit = commit or json.null, hosts = hosts }
end

return session
