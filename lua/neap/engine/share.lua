--- A state repository that several people share: its remote `origin` is fetched from before a run and pushed to after.
--
-- git(1) does both, and so reaches whatever its user reaches with it: ssh_config, agents, credential helpers, proxies.
-- Between them is a rebase of its own kind. Records are per host, and a commit replaces only its hosts' paths, so
-- commits of two people who applied at once to different hosts follow each other without more ado:
--
--     theirs  A ─ B                 A ─ B ─ C'
--              └─ C  ours    ──▶
--
-- Where both recorded the same host, what only we changed of it is added to theirs; what both changed stays as they
-- recorded it, and our commit as it was is kept under refs/neap/kept, which is pushed along.

local child = require "neap.core.child"
local loop = require "neap.core.loop"
local author = require "neap.engine.author"
local fault = require "neap.engine.fault"
local project = require "neap.engine.project"

local share = {}

local FETCH_TIMEOUT_MS, PUSH_TIMEOUT_MS = 60 * 1000, 120 * 1000
local THEIRS = "refs/remotes/origin/main"
-- Others may be first that many times; each waits a little longer than the last.
local TRIES, PAUSE_MS = 30, 40
local REFUSALS = 3

-- Runs git in the repository; returns true or nil, what it said.
local function git(st, timeout_ms, ...)
  local words = { "git", "--git-dir=" .. st:where(), ... }
  words.timeout_ms = timeout_ms
  local reply, message = child.run(words)
  if not reply then return nil, message end
  if reply.status == 0 then return true end
  local said = reply.err:gsub("%s+$", "")
  return nil, said ~= "" and said or ("git ended with status %d"):format(reply.status)
end

local function pause(try) loop.sleep(math.floor(PAUSE_MS * math.min(try, 10) * (0.5 + math.random()))) end

local function fetch(st)
  local ok, message
  for try = 1, 5 do
    ok, message = git(st, FETCH_TIMEOUT_MS, "fetch", "--quiet", "--no-tags", "origin",
      "+refs/heads/*:refs/remotes/origin/*")
    if ok or not message:find("lock", 1, true) then break end
    pause(try) -- another run of ours fetches too
  end
  return ok, message
end

-- What our commits `base`..`head` are, oldest first.
local function commits_between(st, base, head)
  local list = {}
  for _, commit in ipairs(st:log { rev = head }) do
    if commit.id == base then break end
    table.insert(list, 1, commit)
  end
  return list
end

local function host_of(path) return path:match("^hosts/([^/]+)/") end

-- { [path] = id of the content, or false } of what differs.
local function changed(st, from, to)
  local paths, hosts = {}, {}
  for _, delta in ipairs(st:diff(from, to, "", { content = false })) do
    paths[delta.path] = delta.new_id or false
    local host = host_of(delta.path)
    if host then hosts[host] = true end
  end
  return paths, hosts
end

-- Nobody's loss: what tells of the whole host or run is told anew by whoever comes last.
local function is_summary(path) return not host_of(path) or path:match("^hosts/[^/]+/[^/]+%.json$") ~= nil end

-- One of our commits on top of `onto`. What both sides changed is noted in `met`.
local function replay(st, commit, onto, theirs, met, who)
  local changes, kept = {}, false
  for _, delta in ipairs(st:diff(commit.parents[1], commit.id, "")) do
    local other = theirs.paths[delta.path]
    if other == nil or other == (delta.new_id or false) or is_summary(delta.path) then
      changes[delta.path] = delta.new or false
    else
      kept = true
    end
    local host = host_of(delta.path)
    if host and theirs.hosts[host] then met[host] = true end
  end
  if kept then st:keep("refs/neap/kept/" .. commit.id:sub(1, 12), commit.id) end
  local id, message = st:commit {
    parent = onto, aside = true, changes = changes, message = commit.message, author_name = commit.author,
    author_email = commit.email, committer_name = who.committer_name, committer_email = who.committer_email,
    sign = who.sign, time = commit.time,
  }
  if not id then fault.raise("store", nil, "cannot bring our records and those of others together: %s", message) end
  return id
end

-- @param base commit that both come from; nil: none, which two who began at once may have
local function rebase(st, base, head, theirs_id, met)
  local theirs, who, onto = {}, author.of(st), theirs_id
  theirs.paths, theirs.hosts = changed(st, base, theirs_id)
  local _, ours = changed(st, base, head)
  for host in pairs(ours) do
    if not base and theirs.hosts[host] then
      fault.raise("usage", nil, "the remote of the state repository holds another history than '%s', and of host '%s' "
        .. "both have records: name the right remote, or move one of the repositories away", st:where(), host)
    end
  end
  for _, commit in ipairs(commits_between(st, base, head)) do onto = replay(st, commit, onto, theirs, met, who) end
  return onto
end

-- Brings what was fetched and what is ours together.
-- @param met set that gets the hosts which both sides have recorded
-- @return whether there is something of ours to push
local function integrate(opts, st, met)
  for _ = 1, TRIES do
    local head, theirs = st:head(), st:resolve(THEIRS)
    if not theirs or head == theirs then return head ~= nil and not theirs end
    local base = head and st:base(head, theirs)
    if base == theirs then return true end
    if head then project.check_key_at(opts, st, theirs) end
    local target = (not head or base == head) and theirs or rebase(st, base, head, theirs, met)
    local ok, why, code = st:advance(head, target)
    if ok and target == theirs then return false end
    if ok then return true end
    if code ~= "conflict" then fault.raise("store", nil, "cannot take over the records of others: %s", why) end
  end
  fault.raise("locked", nil, "other runs keep writing to the state repository; run again")
end

local function remote_of(st) return st:config("remote.origin.url") end

local function names_of(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

local WHILE_IT_RAN = "%s: recorded by somebody else while this run went on; what both have changed stands as they "
  .. "recorded it (this run's records are kept under refs/neap/kept): run again, to record what is there now"
local BEFORE_IT = "%s: recorded by somebody else, and here before that was known; what both have changed stands as "
  .. "they recorded it (the records from here are kept under refs/neap/kept)"

-- Who has said HEAD~1 to himself by then is to know that it is another commit now.
local CAME_IN = "others have recorded since: HEAD was %s and is %s (`neap history` shows what)"

local function both(met, text)
  if next(met) == nil then return nil end
  return fault.new("locked", nil, text, names_of(met))
end

-- An earlier run here, without the remote, has recorded what others have recorded, too. Nobody goes over their work
-- before he has seen that it is there.
local function say_met(self, met, optional)
  local text = optional and BEFORE_IT or BEFORE_IT .. "; nothing was changed: see `neap history`, and run again"
  local problem = both(met, text)
  if not problem then return nil end
  if not optional then error(problem, 0) end
  self.ui:err(tostring(problem))
  return problem
end

--- Takes over what others have recorded. Raises a fault where the remote does not answer, or where an earlier run here
-- and others have recorded the same hosts, unless `optional`: then it is only said.
-- That something of others is new here is noted on the session (`came_in`).
-- @return the latter as a fault that was said, or nil
function share.fetch(self, optional)
  local st = not self.opts.offline and project.open_shared(self.opts)
  if not st then return end
  local met = {}
  if remote_of(st) then
    self.ui:status("fetching recorded states")
    local ok, message = fetch(st)
    self.ui:done()
    if ok then
      local before = st:head()
      integrate(self.opts, st, met)
      self.came_in = st:head() ~= before
      if before and self.came_in then self.ui:err(CAME_IN:format(before:sub(1, 12), st:head():sub(1, 12))) end
    elseif optional then
      self.ui:err(("the remote of the state repository cannot be reached, what others have recorded is not known: %s")
        :format(message))
    else
      st:close()
      fault.raise("usage", nil, "the remote of the state repository cannot be reached; nothing was changed, --offline "
        .. "goes on without it:\n%s", message)
    end
  end
  st:close()
  return say_met(self, met, optional)
end

-- Pushes until nobody was faster. @return true, or nil and what is wrong
local function push(opts, st, met)
  local refused, message = 0, nil
  for try = 1, TRIES do
    if not integrate(opts, st, met) then return true end
    local before = st:resolve(THEIRS)
    local ok, said = git(st, PUSH_TIMEOUT_MS, "push", "--quiet", "origin", "refs/heads/main:refs/heads/main",
      "refs/neap/kept/*:refs/neap/kept/*")
    if ok then return true end
    message = said
    pause(try)
    local reached, why = fetch(st)
    if not reached then return nil, why end
    if st:resolve(THEIRS) ~= before then
      refused = 0
    elseif not said:find("lock", 1, true) then -- nobody was, nor is about to be: it is us that are not wanted
      refused = refused + 1
    end
    if refused == REFUSALS then break end
  end
  return nil, message
end

--- Hands on what is recorded here and not yet there.
-- @param id the commit that this run has made, or nil
-- @return its id now; a fault where it could not be handed on, or where somebody else recorded the same hosts
function share.publish(self, id)
  local st = project.open_shared(self.opts)
  if not st or not remote_of(st) then
    if st then st:close() end
    return id
  end
  local problem
  if self.opts.offline then
    if id then self.ui:err("not shared (--offline): the next run with the remote hands on what was recorded") end
  else
    self.ui:status("sharing recorded states")
    local met = {}
    local ok, message = push(self.opts, st, met)
    problem = both(met, WHILE_IT_RAN)
    if not ok then
      problem = fault.new("store", nil, "recorded here, but not shared: %s\n(the next run hands it on)", message or "")
    end
    self.ui:done()
  end
  local head = st:head()
  st:close()
  return id and head, problem
end

return share
