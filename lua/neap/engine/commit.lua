--- One commit a run: what was done, by whom, and what is on each host now.

local child = require "neap.core.child"
local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local count_of = require "neap.count_of"
local author = require "neap.engine.author"
local entry_of = require "neap.engine.entry"
local fault = require "neap.engine.fault"
local journal = require "neap.engine.journal"
local leftover = require "neap.engine.leftover"
local project = require "neap.engine.project"
local record = require "neap.engine.record"
local remembered = require "neap.engine.remembered"
local rolling_words = require "neap.engine.rolling_words"
local show = require "neap.engine.show"
local standing = require "neap.engine.standing"

local commit = {}

local TRIES = 5
-- As git guesses the number of loose objects, of which it has 6700 at most: by those in one of 256 directories.
local LOOSE_MAX, TIDY_TIMEOUT_MS = 27, 10 * 1000

-- The records of the host that went by this name before are another's: what this run has not written goes.
local function forget_all(host, recorded, changes)
  for path in pairs(recorded) do
    local at = "hosts/" .. host.name .. "/" .. path
    if changes[at] == nil then changes[at] = false end
  end
end

-- What came along with the changes that were made (packages that others
-- need), and what went with them, or by itself.
local function brought_by(host)
  local brought = {}
  for _, planned in ipairs(host.done_ids and host.plan.changes or {}) do -- what goes may come again with a later one
    local change = host.done_ids[planned.id]
    local of_type, done = brought[planned.resource.type] or {}, change and not change.broken
    brought[planned.resource.type] = of_type
    for name, is_there in pairs(done and change.brings or {}) do of_type[name] = is_there end
    if done and planned.kind == "delete" then of_type[planned.resource.key] = false end
  end
  return brought
end

-- How the host leaves rotation and comes back, once the run is over.
local function rolling_of(host)
  local desired = host.plan.desired
  return rolling_words.kept(desired.rolling_after or desired.rolling)
end

-- What was never there cannot be taken away.
local function drop_unknown(host, there, changes)
  local prefix = "hosts/" .. host.name .. "/"
  for path, bytes in pairs(changes) do
    local is_its = bytes == false and path:sub(1, #prefix) == prefix
    if is_its and not there[path:sub(#prefix + 1)] then changes[path] = nil end
  end
end

-- What is recorded by another name from now on is not of the playbook.
local function note_abandoned(abandoned, id)
  for _, known in ipairs(abandoned.ids) do
    if known == id then return end
  end
  table.insert(abandoned.ids, id)
end

-- Whether something is recorded once these changes are made: the record of a label may have gone to another name.
local function is_recorded(path, prefix, recorded, changes)
  local change = changes[prefix .. path]
  if change ~= nil then return change ~= false end
  return recorded[path] ~= nil
end

-- A host that was lost is not seen again in this run; what it was is known. Each record comes with the texts that it
-- names.
local function add_pre_images(host, recorded, changes)
  local images, prefix = host.pre_images or {}, "hosts/" .. host.name .. "/"
  for path, bytes in pairs(images) do
    local root = path:match("^(.-)resources/")
    if (root == "" or root == "genesis/") and not is_recorded(path, prefix, recorded, changes) then
      changes[prefix .. path] = bytes
      for _, text in ipairs(entry_of.texts(json.decode(bytes))) do
        changes[prefix .. root .. text] = images[root .. text]
      end
    end
  end
end

-- Adds a host's records to `changes`; says whether they are news.
local function record_host(self, st, head, host, changes, key)
  local there = head and st:tree(head, "hosts/" .. host.name) or {}
  local recorded = host.adopted and {} or there
  local besides, seen = host.besides or {}, record.known(host.plan, self.types)
  seen.others, seen.states, seen.more = besides.others, besides.states, besides.more
  seen.observed, seen.status = host.observed or {}, standing.status(self, host)
  seen.brought, seen.rolling = brought_by(host), rolling_of(host)
  local news, others = record.host(host.name, recorded, seen, changes, key)
  for _, id in ipairs(host.abandoned and others or {}) do note_abandoned(host.abandoned, id) end
  add_pre_images(host, recorded, changes)
  if host.adopted then forget_all(host, there, changes) end
  drop_unknown(host, there, changes)
  return news
end

local function add_sources(changes, recorded, hosts)
  for _, host in ipairs(hosts) do
    for path, bytes in pairs(host.plan.desired.inputs or {}) do
      if recorded[path] ~= bytes then changes["source/" .. path] = bytes end
    end
  end
end

local function outcome(self, version)
  local operator, machine = sys.operator()
  local hosts = {}
  for _, host in ipairs(self.hosts) do
    hosts[host.name] = {
      status = host.status, changes = host.changes or 0, problem = host.problem and host.problem.message,
    }
  end
  return json.encode({
    operator = operator, controller = machine, playbook = self.opts.playbook, verb = self.verb, target = self.target,
    plan = self.plan_id,
    time = math.floor(sys.time()), hosts = hosts, neap = version,
  }, { indent = 2 }) .. "\n"
end

local SIGN = { create = "+", update = "~", delete = "-", unknown = "?" }

-- The verb that others have caused; none where it was started: it is no restart that brings a service up.
local function trigger_text(now)
  local starts = now.resource and now.resource.rtype.starts
  if not now.trigger or starts and starts(now) then return "" end
  return " (" .. now.trigger .. ")"
end

local function message_of(self)
  local lines, total, names = {}, 0, {}
  for _, host in ipairs(self.hosts) do
    local done = host.result and host.result.done or {}
    if next(done) or host.problem then
      names[#names + 1] = host.name
      total = total + (host.changes or 0)
      lines[#lines + 1] = string.format("\n%s: %s, %s%s", host.name, host.status, count_of(host.changes or 0, "change"),
        host.problem and " (" .. fault.short(tostring(host.problem)) .. ")" or "")
      for _, change in ipairs(host.plan and host.plan.changes or {}) do
        local now = done[change.id]
        if now then
          local ended = now.put_back and " (put back)" or now.broken and " (failed)" or ""
          lines[#lines + 1] = string.format("  %s %s%s%s", SIGN[now.kind], change.id, trigger_text(now), ended)
        end
      end
    end
  end
  local what = self.what or (self.opts.playbook or ""):match("[^/]*$")
  local subject = string.format("%s %s: %s on %s", self.verb, what, count_of(total, "change"),
    #names > 0 and show.names(names) or "no host (recorded as found)")
  if self.plan_id then lines[#lines + 1] = "\nPlan: " .. self.plan_id end
  return subject .. "\n" .. table.concat(lines, "\n") .. "\n"
end

-- Whether something was done there: news, though all is as it was recorded before (a file that somebody had changed
-- is put back, a restart that was owed is made).
local function has_acted(host) return host.done_ids and next(host.done_ids) ~= nil end

-- A host of which there is something to say: it was looked at, or something
-- was done there before it was lost.
local function is_known(host) return host.observed or has_acted(host) end

local function commit_once(self, st, key)
  local head = st:head()
  local changes, news, hosts = {}, false, {}
  for _, host in ipairs(self.hosts) do
    if is_known(host) and not host.held then
      hosts[#hosts + 1] = host
      news = record_host(self, st, head, host, changes, key) or has_acted(host) or news
    elseif host.pending then
      changes["hosts/" .. host.name .. "/status.json"] = json.encode(host.pending, { indent = 2 }) .. "\n"
      news = true
    end
  end
  if not news then return nil end
  add_sources(changes, head and st:tree(head, "source") or {}, hosts)
  for path, text in pairs(project.check_of(st, head, key)) do changes[path] = text end
  changes["run.json"] = taint.mask(outcome(self))
  local made = author.of(st)
  made.parent, made.changes = head, changes
  made.message, made.time = taint.mask(message_of(self)), math.floor(sys.time())
  return st:commit(made)
end

local function cannot_record(code, why)
  fault.raise(code, nil, "cannot record what is on the hosts now: %s\nmend that, and run again: what was done "
    .. "stands in the journal until it is recorded", why)
end

local function record_all(self, st, key)
  for _ = 1, TRIES do
    local id, message, code = commit_once(self, st, key)
    if id or not message then return id end
    if code ~= "conflict" then cannot_record(code == "locked" and code or "store", message) end
  end
  cannot_record("locked", "other runs keep writing to the state repository")
end

-- Each commit leaves some small files in the repository. When they are many, git packs them, in the background, as
-- after its own commits. The branch stays a file of its own, see remembered.lua.
local function tidy(st)
  if #(sys.list_dir(st:where() .. "objects/17") or {}) <= LOOSE_MAX then return end
  child.run { "git", "--git-dir=" .. st:where(), "-c", "gc.packRefs=false", "gc", "--auto", "--quiet",
    timeout_ms = TIDY_TIMEOUT_MS }
end

-- The digest of a host, or nil where it cannot have one.
local function digest_of(self, host)
  if host.held then return host.held end
  return host.observed and remembered.digest(host.plan.desired.list, host.observed, standing.status(self, host),
    rolling_of(host))
end

-- The digests of all hosts, and whether the repository holds them already.
local function digests_of(self)
  local digests, held, complete = {}, true, true
  for _, host in ipairs(self.hosts) do
    host.pending = not is_known(host) and standing.pending(self, host) or nil
    if host.pending then
      digests[host.name], held = "pending", false
    elseif is_known(host) then
      digests[host.name] = digest_of(self, host)
      complete = complete and digests[host.name] ~= nil
      held = held and not has_acted(host) and digests[host.name] ~= nil and self.remembered
        and digests[host.name] == self.remembered[host.name]
    end
  end
  return complete and digests or nil, held
end

--- Records what runs that died have left, and reads what is remembered of the
-- last record, so that hosts that are as it says need not be kept in memory
-- (commit.is_held).
function commit.begin(self)
  leftover.recover(self)
  self.remembered = remembered.read(project.place(self.opts))
end

--- Whether a host that needs no change is recorded as it is; it is noted on
-- the host (`held`).
function commit.is_held(self, host)
  local known = self.remembered and self.remembered[host.name]
  if not known or host.plan.changes[1] then return false end
  local digest = remembered.digest(host.plan.desired.list, host.plan.observed, standing.status(self, host),
    rolling_of(host))
  if digest ~= known then return false end
  host.held = digest
  return true
end

-- What the playbook no longer has, where the whole of it was looked at, but
-- for what this run took back.
local function abandoned_of(self)
  local abandoned = {}
  for _, host in ipairs(self.hosts) do
    local known = host.abandoned
    if known then
      local gone, ids = {}, {}
      local desired = host.plan and host.plan.desired or { list = {} }
      for _, resource in ipairs(desired.list) do gone[resource.id] = resource.left end
      for _, resource in ipairs(desired.dropped or {}) do gone[resource.id] = resource.left end
      for _, id in ipairs(known.ids) do
        if not gone[id] then ids[#ids + 1] = id end
      end
      abandoned[host.name] = { of = known.of, ids = json.array(ids) }
    end
  end
  return abandoned
end

--- Records what is on the hosts now.
-- @return commit id, or nil where nothing is new
function commit.run(self)
  local digests, held = digests_of(self)
  if held then
    journal.close(self)
    return nil
  end
  local st, key = project.create(self.opts)
  local before = st:head()
  local id = record_all(self, st, key)
  tidy(st)
  st:close()
  journal.close(self)
  if digests then
    remembered.keep(project.place(self.opts), digests, abandoned_of(self), before, project.seal_of(key))
  end
  return id
end

return commit
