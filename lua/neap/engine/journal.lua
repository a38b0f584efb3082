--- The journal: what is about to be done is written down before it is done.
--
-- On the controller, a file a run beside the state repository
-- (`state.journal/`), one JSON object a line, synced before each step and
-- taken away when the run is recorded. Its writer holds a lock on it: one
-- whose lock is free was left by a run that died (see leftover.lua).
--
-- On the host, /var/lib/neap/journal: the same lines, written by the same
-- request as the step, and a last one when the host's part is over.
--
-- What a resource was before Neap first touched it is told in full, so that
-- it is not lost with the run. So is, with the first step, what becomes of the
-- records of labels that are given other things (see labels.lua).
--
-- Steps of many hosts that fall due together share one sync.

local file = require "neap.core.journal"
local json = require "neap.core.json"
local loop = require "neap.core.loop"
local crypto = require "neap.core.crypto"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local brief = require "neap.engine.brief"
local entry_of = require "neap.engine.entry"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local labels = require "neap.engine.labels"
local project = require "neap.engine.project"
local record = require "neap.engine.record"
local standing = require "neap.engine.standing"
local sh = require "neap.sh"

local journal = {}

local PRIVATE_DIR = 448 -- 0700

--- The folder of the journals of a state repository.
function journal.folder(opts) return (project.place(opts):gsub("%.git$", "")) .. ".journal" end

-- What a change promises: what is wanted. The rest of what was found may change along with it.
local function promised(change)
  local named = {}
  for name in pairs(change.to and change.resource.attrs or {}) do named[name] = change.to[name] end
  return change.to and named or nil
end

--- What the journal says of a change that is about to be made.
-- @param owes list of { id, verb } that are owed from now on
function journal.entry(host, change, owes)
  local rtype = change.resource.rtype
  return {
    host = host.name, n = host.step, of = #host.plan.changes, id = change.id, kind = change.kind,
    trigger = change.trigger, before = brief.of(rtype, change.from), after = brief.of(rtype, promised(change)),
    owes = owes and owes[1] and owes or nil, time = math.floor(sys.time()),
  }
end

-- Whether nothing that is recorded is true of a host.
local function is_new(self, host) return host.adopted or not standing.recorded(self, host).status end

-- What becomes of the records of the labels of this run, or nil: { moved = { [path below the host] = base64, or false
-- for what goes }, names = of labels.apart() }; on the host, the records are as they are then (`recorded`).
local function relabeled(self, host)
  local known = record.known(host.plan, self.types)
  if is_new(self, host) or not labels.any(labels.of_list(known.resources)) then return nil end
  local at_head = standing.tree(self, host)
  local recorded, _, names = labels.tree(host.name, at_head, known, self.book.key)
  local moved = labels.moves(at_head, recorded)
  for path, bytes in pairs(moved) do moved[path] = bytes and crypto.base64(bytes) end
  host.recorded, host.renamed = recorded, names
  return next(moved) ~= nil and { moved = moved, names = names } or nil
end

-- Whether there is a record of that path.
local function is_recorded(self, host, path)
  if host.recorded then return host.recorded[path] ~= nil end
  return standing.read(self, host, path) ~= nil
end

-- The records of what a resource is before Neap first touches it, by path
-- below the host: as genesis, and as what was last seen, so that a way back
-- knows of it. {} where it is recorded already.
local function pre_image(self, host, change)
  local resource, key = change.resource, self.book.key
  local path, before = entry_of.path(resource.type, resource.key), host.plan.observed[resource.id]
  local begins = is_new(self, host)
  local function is_first(root) return before ~= nil and (begins or not is_recorded(self, host, root .. path)) end
  local seen_first, known_first = is_first "", is_first "genesis/"
  if not (seen_first or known_first) then return {} end
  host.recorded = host.recorded or begins and {} or standing.tree(self, host)
  local files = seen_first and entry_of.files(host.name, resource, before, "", key, host.recorded) or {}
  if known_first then
    local known = record.known(host.plan, self.types)
    for name, bytes in pairs(record.origin(host.name, resource, host.recorded, known, key)) do files[name] = bytes end
  end
  return files
end

local function encoded(files)
  local out
  for path, bytes in pairs(files) do
    out = out or {}
    out[path] = crypto.base64(bytes)
  end
  return out
end

-- The run's file, made when it is first needed.
local function open(self)
  local st, key = project.create(self.opts)
  local head = st:head() or ""
  st:close()
  local dir = journal.folder(self.opts)
  local made, message = sys.mkdir(dir, PRIVATE_DIR)
  local handle, name
  if made then
    name = string.format("%d-%s.jsonl", math.floor(sys.time()), crypto.random_hex(6))
    handle, message = file.create(dir, name)
  end
  if not handle then fault.raise("store", nil, "cannot keep a journal, so nothing is changed: %s", message) end
  return { handle = handle, name = name, key = key, head = head, lines = {} }
end

local function flush(book)
  local lines, done = book.lines, book.done
  book.lines, book.done = {}, nil
  local ok, message = book.handle:append(table.concat(lines))
  done:set { ok = ok, message = message }
end

-- Returns when the line is on the disk. The first who comes waits until the
-- others of this turn have come too, and writes for all.
local function write(self, value)
  local book = self.book
  book.lines[#book.lines + 1] = json.encode(value) .. "\n"
  local done = book.done
  if not done then
    done = loop.event()
    book.done = done
    loop.sleep(0)
    flush(book)
  end
  local result = done:wait()
  if not result.ok then fault.raise("store", nil, "%s; nothing more is changed", result.message) end
end

--- What this run says of itself.
function journal.run_of(self)
  return {
    by = hostlock.person(), verb = self.verb, playbook = self.opts.playbook, target = self.target,
    time = math.floor(sys.time()),
  }
end

--- Opens the run's journal, where hosts are to be changed. Before converge.apply.
function journal.begin(self)
  for _, host in ipairs(self.hosts) do
    if host.status == "ok" and host.plan and host.plan.changes[1] then
      self.book = open(self)
      local about = journal.run_of(self)
      about.head = self.book.head -- what was recorded by then; "" for nothing
      write(self, { run = about })
      return
    end
  end
end

-- It does not grow for ever.
local FIRST = [[
[ ! -f /var/lib/neap/journal ] || [ $(($(wc -c </var/lib/neap/journal))) -lt 262144 ] ||
  mv -f /var/lib/neap/journal /var/lib/neap/journal.1
]]
-- Shells call a full disk an I/O error.
local APPEND = [[
[ -d /var/lib/neap ] || mkdir -p /var/lib/neap
(umask 077; printf '%%s\n' %s >>/var/lib/neap/journal) || {
is_less() { df -kP $2 /var/lib/neap 2>/dev/null | { read -r n; read -r n n n n _; [ "$n" -lt $1 ]; } 2>/dev/null; }
if is_less 64; then n=": no space is left on its file system"
elif is_less 1 -i; then n=": no inode is left on its file system"
else n=; fi
echo "cannot write '/var/lib/neap/journal'$n" >&2; exit 1
}
]]
-- Marks and journal outlive a power cut.
local SYNC = "sync /var/lib/neap/journal /var/lib/neap/pending/* 2>/dev/null || :\n"

-- What the host is to run before the steps.
local function script(self, host, entries, first)
  if host.facts.uid ~= 0 then return "" end
  local lines, run = {}, journal.run_of(self)
  for i, entry in ipairs(entries) do
    entry.by, entry.verb, entry.playbook = run.by, run.verb, run.playbook
    lines[i] = json.encode(entry)
  end
  return (first and FIRST or "") .. sh(APPEND, table.concat(lines, "\n")) .. SYNC
end

-- What a run finds due that ones before it have left.
local function due(changes)
  local list = {}
  for _, change in ipairs(changes) do
    if change.owed then list[#list + 1] = { id = change.id, verb = change.owed } end
  end
  return list[1] and list or nil
end

--- Writes down what is about to be done; returns when that is safe here, with
-- the script that writes it there.
-- @param steps { { change = , owes = } … } that the next request makes
function journal.step(self, host, steps)
  local first, entries, before = host.step == nil, {}, {}
  if first then
    host.step, host.entries, host.pre_images = 0, {}, {}
    local changes = host.plan.changes
    write(self, {
      host = host.name, machine_id = host.facts.machine_id, of = #changes, owes = due(changes),
      labels = relabeled(self, host),
    })
  end
  for i, step in ipairs(steps) do
    host.step, host.current = host.step + 1, step.change.id
    entries[i] = journal.entry(host, step.change, step.owes)
    host.entries[#host.entries + 1] = entries[i]
    for path, bytes in pairs(pre_image(self, host, step.change)) do
      before[path], host.pre_images[path] = bytes, bytes
    end
  end
  write(self, { steps = entries, before = encoded(before) })
  return script(self, host, entries, first)
end

--- A host leaves the rotation, or is back.
-- @param which "out" or "in"
function journal.rotation(self, host, which)
  if not self.book then return end
  write(self, {
    host = host.name, machine_id = host.facts.machine_id, of = #host.plan.changes, rotation = which,
    time = math.floor(sys.time()),
  })
end

local END = [[
[ ! -f /var/lib/neap/journal ] || (umask 077; printf '%%s\n' %s >>/var/lib/neap/journal)
]]
-- Where all went well no script has been killed, and each has taken away its own.
local FORGET = "rm -f /var/lib/neap/temp\n"

--- A host's part is over: says so on both sides. The host learns it in the
-- flight of whatever is asked next.
function journal.ended(self, host)
  host.recorded = nil
  local how = host.problem and tostring(host.problem) or "ok"
  local entry = { ended = how, host = host.name, time = math.floor(sys.time()) }
  local there = host.facts.uid == 0 and host.conn
  if there and (host.step or host.lock and host.lock.unfinished) then
    local script_text = sh(END, (taint.mask(json.encode(entry)))) ..
      (host.problem and hostlock.sweep_script() or FORGET)
    local function tell() host.conn:request { script = script_text, timeout_ms = 60000, watch = false } end
    -- Where nothing was changed, nothing is asked afterwards.
    if host.step then loop.spawn(tell) else tell() end
  end
  if self.book and host.step then
    loop.spawn(function() pcall(write, self, entry) end)
  end
end

--- The run is recorded: its journal is of no use any more.
function journal.close(self)
  local book = self.book
  if not book then return end
  self.book = nil
  book.handle:remove(book.name)
end

return journal
