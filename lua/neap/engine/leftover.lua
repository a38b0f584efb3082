--- What runs have left that died: their journals are still there, and nobody
-- holds them.
--
-- The next run that changes something records, before all else, what they
-- say: those hosts are incomplete. `neap status` reads them as they are.

local file = require "neap.core.journal"
local count_of = require "neap.count_of"
local base64 = require "neap.base64"
local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local author = require "neap.engine.author"
local brief = require "neap.engine.brief"
local fault = require "neap.engine.fault"
local journal = require "neap.engine.journal"
local hostlock = require "neap.engine.hostlock"
local project = require "neap.engine.project"
local shape = require "neap.engine.shape"
local standing = require "neap.engine.standing"

local leftover = {}

local TRIES = 5

local OWES = { "list", { id = "string", verb = "string" }, may = true }

-- What is read from the lines of a journal.
local LINE = {
  run = { by = "?string", verb = "?string", playbook = "?string", target = "?string", time = "?integer", may = true },
  host = "?string", machine_id = "?string", of = "?integer", ended = "?string",
  rotation = "?string", time = "?integer",
  before = { "map", "string", may = true },
  labels = { moved = { "map", "any" }, names = { "map", "string" }, may = true },
  steps = { "list", {
    host = "string", n = "integer", id = "string", kind = "?string", trigger = "?string", time = "?integer",
    owes = OWES,
  }, may = true },
  owes = OWES,
}

-- A path that records would have below a host's folder, or the folder's own name.
local function is_inside(path)
  for part in (path .. "/"):gmatch("([^/]*)/") do
    if part == "" or part == "." or part == ".." or part:lower() == ".git" then return false end
  end
  return not path:find("[%z\1-\31\127]")
end

local function is_record(path)
  return is_inside(path) and path:gsub("^genesis/", ""):find("^%l+/.") ~= nil
end

-- What is recorded of labels by another name also stands elsewhere in the order.
local function is_moved(path) return path == "order.json" or is_record(path) end

-- A line of a journal; {} for one that is torn or says what no journal says.
local function decoded(line)
  local value = json.decode(line)
  if not shape.fits(value, LINE) then return {} end
  local name = value.host or value.steps and value.steps[1] and value.steps[1].host
  if name and (name:find("/", 1, true) or not is_inside(name)) then return {} end
  return value, name
end

local function take_owed(host, owes)
  for _, one in ipairs(owes or {}) do
    if host.owed[one.id] ~= "restart" then host.owed[one.id] = one.verb end
  end
end

local function take_steps(host, steps)
  for _, entry in ipairs(steps) do
    -- A restart whose step was followed by another one was made.
    local last = host.entries[#host.entries]
    if last and last.trigger then host.owed[last.id] = nil end
    host.entries[#host.entries + 1] = entry
    host.step, host.at, host.time, host.ended = entry.n, entry.id, entry.time, nil
    take_owed(host, entry.owes)
  end
end

local function take_labels(host, said)
  for path, text in pairs(said.moved) do
    if is_moved(path) then host.moved[path] = type(text) == "string" and base64.decode(text) end
  end
  host.names = said.names
end

--- A journal's text, understood: { run = { by, verb, playbook, time, target, head },
--   hosts = { [name] = { machine_id, steps, step, at, time, entries, owed,
--   ended, pre_images, moved, names (see journal.lua), out = { by, since } of
--   one left out of rotation } } }. The last line may be torn.
-- @param only of this host; nil: of all
function leftover.parse(text, only)
  local run, hosts = {}, {}
  local mark = only and '"host":' .. json.encode(only)
  for line in text:gmatch("([^\n]*)\n") do
    local value, name = {}, nil
    if not mark or line:find(mark, 1, true) or line:find('"run":', 1, true) then value, name = decoded(line) end
    if value.run then run = value.run end
    if name and not hosts[name] then
      hosts[name] = { machine_id = value.machine_id, steps = value.of, entries = {}, owed = {}, time = run.time,
        pre_images = {}, moved = {}, names = {} }
      take_owed(hosts[name], value.owes)
    end
    if name and value.steps then take_steps(hosts[name], value.steps) end
    for path, text_of in pairs(name and value.before or {}) do
      if is_record(path) then hosts[name].pre_images[path] = base64.decode(text_of) end
    end
    if name and value.labels then take_labels(hosts[name], value.labels) end
    if name and value.ended then hosts[name].ended = value.ended end
    if name and value.rotation then
      hosts[name].out = value.rotation == "out" and { by = run.by, since = value.time } or nil
    end
  end
  return { run = run, hosts = hosts }
end

local function names_in(dir)
  local names = {}
  for _, name in ipairs(sys.list_dir(dir) or {}) do
    if name:match("%.jsonl$") then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

--- All journals of a state repository, oldest first: as leftover.parse, and
-- `alive` where the run still goes on.
-- @param only of this host; nil: of all
function leftover.list(opts, only)
  local dir, list = journal.folder(opts), {}
  for _, name in ipairs(names_in(dir)) do
    local handle, _, code = file.adopt(dir, name)
    local text = sys.read_file(dir .. "/" .. name)
    if handle then handle:close() end
    if text and (handle or code == "locked") then
      local one = leftover.parse(text, only)
      one.alive, one.name = code == "locked", name
      list[#list + 1] = one
    end
  end
  return list
end

--- Why a host is incomplete, in a sentence.
function leftover.problem(run, host)
  local what = string.format("the %s of %s", run.verb or "run", run.by or "somebody")
  if host.ended == "ok" then return what .. " ended before it was recorded" end
  if host.ended then return what .. " ended before it was recorded: " .. host.ended end
  return string.format("%s ended without a word at step %d of %d", what, host.step or 0, host.steps or 0)
end

--- What runs that died say of hosts, and git does not yet; and what runs say that are at work.
-- @param only of this host; nil: of all
-- @return two of { [name] = { run, host } }, as in leftover.parse
function leftover.by_host(opts, only)
  local dead, alive = {}, {}
  for _, one in ipairs(leftover.list(opts, only)) do
    for name, host in pairs(one.hosts) do
      if one.alive then alive[name] = { run = one.run, host = host }
      elseif host.step or host.out then dead[name] = { run = one.run, host = host } end
    end
  end
  return dead, alive
end

-- Whether the run was about another machine than the recorded one, and began its records anew.
local function has_adopted(host, was)
  return was.machine_id ~= nil and host.machine_id ~= nil and was.machine_id ~= host.machine_id
end

--- status.json of a host in a journal.
function leftover.status(run, host, was)
  return standing.incomplete(has_adopted(host, was) and {} or brief.renamed(was, host.names), {
    machine_id = host.machine_id, problem = leftover.problem(run, host), at = host.at, step = host.step,
    steps = host.steps, owed = host.owed, entries = host.entries, by = run.by, verb = run.verb, since = host.time,
    out_of_rotation = host.out,
  })
end

local function last_of(st, rev, name) return (st:log { rev = rev, path = "hosts/" .. name, max = 1 } or {})[1] end

-- Whether a later run, of another controller say, has recorded the host since.
-- What comes later is told by the history, for clocks go wrong; by them only
-- where the history that the run began with is not there any more.
local function is_overtaken(st, head, run, name, host)
  local last = head and last_of(st, head, name)
  if not last or run.head == "" then return last ~= nil end
  if run.head and st:log { rev = run.head, max = 1 } then
    local known = last_of(st, run.head, name)
    return not known or known.id ~= last.id
  end
  return last.time > (host.time or 0)
end

-- Adds what a journal says of the records of a host: what becomes of those that are there, and what was there before
-- what it has no record of then.
local function add_records(st, head, name, host, is_new, changes)
  local prefix = "hosts/" .. name .. "/"
  local function is_recorded(at)
    if changes[at] ~= nil then return changes[at] ~= false end
    return not is_new and st:read(head, at) ~= nil
  end
  for path, bytes in pairs(is_new and {} or host.moved) do
    if bytes or is_recorded(prefix .. path) then changes[prefix .. path] = bytes end
  end
  for path, bytes in pairs(host.pre_images) do
    if not is_recorded(prefix .. path) then changes[prefix .. path] = bytes end
  end
end

local function changes_of(st, head, one)
  local changes, names = {}, {}
  for name, host in pairs(one.hosts) do
    if (host.step or host.out) and not is_overtaken(st, head, one.run, name, host) then
      local path = "hosts/" .. name .. "/status.json"
      local was = standing.decode(head and st:read(head, path) or nil, name .. "/status.json")
      local is_new = not head or has_adopted(host, was)
      for below in pairs(head and is_new and st:tree(head, "hosts/" .. name) or {}) do
        changes["hosts/" .. name .. "/" .. below] = false
      end
      changes[path] = json.encode(leftover.status(one.run, host, was), { indent = 2 }) .. "\n"
      add_records(st, head, name, host, is_new, changes)
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return changes, names
end

local function outcome(one, names)
  local hosts = {}
  for _, name in ipairs(names) do
    local host = one.hosts[name]
    hosts[name] = { status = "incomplete", changes = host.step, problem = leftover.problem(one.run, host) }
  end
  local operator, controller = (one.run.by or "?"):match("^([^@]*)@?(.*)$")
  return json.encode({
    operator = operator, controller = controller, playbook = one.run.playbook, verb = one.run.verb, time = one.run.time,
    hosts = hosts, recovered = true,
  }, { indent = 2 }) .. "\n"
end

local function message_of(one, names)
  local lines = { string.format("%s %s: ended without a word, %s incomplete", one.run.verb or "run",
    (one.run.playbook or ""):match("[^/]*$"), count_of(#names, "host")), "" }
  for _, name in ipairs(names) do
    lines[#lines + 1] = string.format("%s: incomplete: %s", name, leftover.problem(one.run, one.hosts[name]))
  end
  return table.concat(lines, "\n") .. "\n"
end

local function record(st, key, one)
  for _ = 1, TRIES do
    local head = st:head()
    local changes, names = changes_of(st, head, one)
    if not names[1] then return names end
    for path, text in pairs(project.check_of(st, head, key)) do changes[path] = text end
    changes["run.json"] = taint.mask(outcome(one, names))
    local made = author.of(st)
    made.parent, made.changes = head, changes
    made.message, made.time = taint.mask(message_of(one, names)), math.floor(sys.time())
    local id, message, code = st:commit(made)
    if id then return names, id end
    if code ~= "conflict" then fault.raise("store", nil, "cannot record: %s", message) end
  end
  fault.raise("locked", nil, "cannot record: other runs keep writing to the state repository; run again")
end

--- Records what runs that died have left, and tells it; which runs these were
-- is noted on the session (`recovered`). Before anything else of a run that
-- changes hosts.
function leftover.recover(self)
  local dir = journal.folder(self.opts)
  self.recovered = {}
  for _, name in ipairs(names_in(dir)) do
    local handle = file.adopt(dir, name)
    local text = handle and sys.read_file(dir .. "/" .. name)
    if text then
      local one = leftover.parse(text)
      local st <close>, key = project.create(self.opts)
      local names, id = record(st, key, one)
      handle:remove(name)
      if id then table.insert(self.recovered, one.run) end
      for _, host in ipairs(names) do
        self.ui:err(string.format("%s: incomplete since %s: %s; recorded: %s", host,
          hostlock.when(one.hosts[host].time), leftover.problem(one.run, one.hosts[host]), id:sub(1, 12)))
      end
    end
  end
end

return leftover
