--- Probing: resources are looked at one by one, their questions travel
-- together.
--
-- A probe is written for one resource, in a straight line. It runs in a
-- coroutine; a question suspends it. When all probes are suspended, their
-- questions are sent in one flight, one request a kind, and the answers wake
-- them. However many resources a host has, a round of questions is one round
-- trip.
--
--     probe a ─ stat? ─┐                       ┌─▶ a goes on
--     probe b ─ stat? ─┼─▶ stat(a,b) unit(c) ──┼─▶ b goes on
--     probe c ─ unit? ─┘      one flight       └─▶ c goes on

local Model = require "neap.engine.model"
local fault = require "neap.engine.fault"

local ask = {}

local kinds = {}

local function kind_of(name)
  local kind = kinds[name]
  if not kind then
    kind = require("neap.questions." .. name)
    kinds[name] = kind
  end
  return kind
end

-- What a question whose answer is not to be known raises in the probe.
local Unknown = {}
Unknown.__index = Unknown
Unknown.__tostring = function(self) return "known after apply: " .. self.why end

--- Ends a probe that cannot tell, because `why`.
function ask.unknown(why) error(setmetatable({ why = why }, Unknown), 0) end

local Round = {}
Round.__index = Round

--- What is known of one host: answers heard, and the model, if any, that
-- stands before them.
-- @param conn a neap.core.remote connection
function ask.new(conn, facts) return setmetatable({ conn = conn, facts = facts, answers = {}, asked = {} }, Round) end

local function remember(self, kind, args, key)
  local of_kind = self.asked[kind]
  if not of_kind then
    of_kind = { keys = {}, list = {} }
    self.asked[kind] = of_kind
  end
  if not of_kind.keys[key] then
    of_kind.keys[key] = true
    of_kind.list[#of_kind.list + 1] = args
  end
end

--- All arguments asked so far, by kind: { stat = { {path}, … }, … }.
function Round:asked_by_kind()
  local by_kind = {}
  for kind, of_kind in pairs(self.asked) do by_kind[kind] = of_kind.list end
  return by_kind
end

-- A question as it is filed: its arguments as text, their key, what the model
-- says of it, what was heard.
local function question(self, job, kind, args)
  for i = 1, #args do
    if type(args[i]) ~= "string" then args[i] = tostring(args[i]) end
  end
  local key = Model.argument_key(args)
  remember(self, kind, args, key)
  return key, job.model and job.model:edit(kind, key), self.answers[kind] and self.answers[kind][key]
end

-- An answer, unless it says that the host could not be looked at.
local function checked(job, answer)
  job.unheard = type(answer) == "table" and answer.failed ~= nil
  if job.unheard then fault.raise("failed", nil, "%s", answer.failed) end
  return answer
end

local function lookup(self, job, kind, args)
  local key, edit, heard = question(self, job, kind, args)
  job.asked[#job.asked + 1] = { kind, key }
  if edit then
    if edit.unknown then error(setmetatable({ why = edit.unknown }, Unknown), 0) end
    return edit.answer
  end
  if heard then return checked(job, heard.answer) end
  return checked(job, coroutine.yield(kind, args, key))
end

-- A question that the probe is likely to ask next: it travels with the next
-- flight, and the probe goes on.
local function expect(self, job, kind, args)
  local key, edit, heard = question(self, job, kind, args)
  if not edit and not heard then job.expects[#job.expects + 1] = { kind = kind, args = args, key = key } end
end

-- Something that must be there is not: unknown where an earlier change of the
-- plan may bring it without saying so (a package's set-up, a command).
local function missing(job, fmt, ...)
  local why = job.model and job.model.unsure
  local problem = fault.new("failed", nil, fmt, ...)
  if why then error(setmetatable({ why = why .. ": " .. problem.message }, Unknown), 0) end
  error(problem, 0)
end

-- What a probe knows as `host`: facts, a method a question, expect, missing.
local Facade = {}

function Facade:expect(kind, ...) expect(self.round_, self.job_, kind, { ... }) end

function Facade:missing(fmt, ...) missing(self.job_, fmt, ...) end

-- Any other name is that of a question.
setmetatable(Facade, {
  __index = function(_, kind)
    local function question_of(host, ...) return lookup(host.round_, host.job_, kind, { ... }) end
    Facade[kind] = question_of
    return question_of
  end,
})
Facade.__index = Facade

local function facade(self, job) return setmetatable({ facts = self.facts, round_ = self, job_ = job }, Facade) end

local function resume(job, ...)
  local ok, a, b, c = coroutine.resume(job.thread, ...)
  if not ok then
    job.done = true
    if getmetatable(a) == Unknown then
      job.unknown = a.why
    else
      a = fault.caught(a) or a
      local is_mistake = type(a) == "string" and not fault.is_sentence(a)
      job.error = is_mistake and debug.traceback(job.thread, a) or tostring(a)
      job.refused = not is_mistake and not job.unheard
    end
  elseif coroutine.status(job.thread) == "dead" then
    job.done, job.found = true, a
  else
    job.waits = { kind = a, args = b, key = c }
  end
end

local function collect_one(lists, waits)
  local list = lists.by_kind[waits.kind]
  if not list then
    list = { kind = waits.kind, args = {}, keys = {}, seen = {} }
    lists.by_kind[waits.kind] = list
    local kind, at = kind_of(waits.kind), #lists + 1
    if kind.first then at = 1 elseif lists[1] and kind_of(lists[#lists].kind).foreign then at = #lists end
    table.insert(lists, at, list)
  end
  if not list.seen[waits.key] then
    list.seen[waits.key] = true
    list.args[#list.args + 1] = waits.args
    list.keys[#list.keys + 1] = waits.key
  end
end

-- The distinct questions that the jobs wait for, or expect to ask, by kind,
-- in a stable order; kinds that say so go first, since the host answers in
-- the order of asking. Foreign ones, which run what the playbook says, go last:
-- nothing is sent behind them, so that they can be stopped.
local function collect(jobs)
  local lists = { by_kind = {} }
  for _, job in ipairs(jobs) do
    if not job.done and job.waits then
      collect_one(lists, job.waits)
      for _, expected in ipairs(job.expects) do collect_one(lists, expected) end
    end
    job.expects = {}
  end
  return lists
end

local function requests_of(lists)
  local requests = {}
  for i, list in ipairs(lists) do
    local kind = kind_of(list.kind)
    local script, stdin = kind.script(list.args)
    requests[i] = {
      script = script, stdin = stdin, capture = kind.foreign or false, watch = kind.foreign or false,
      timeout_ms = kind.timeout_ms,
    }
  end
  return requests
end

-- What a kind makes of a reply; that the host could not answer is a fault.
local function parsed(list, reply)
  local kind = kind_of(list.kind)
  -- Names and numbers end up in shell text, which cannot hold one.
  if not kind.bytes and not kind.foreign and reply.out:find("\0", 1, true) then
    fault.raise("failed", nil, "the host's answer to '%s' has a NUL byte in it, as no name has", list.kind)
  end
  local ok, answers = pcall(kind.parse, reply, list.args)
  if ok then return answers end
  if fault.is_sentence(answers) then fault.raise("failed", nil, "%s", answers) end
  error(answers, 0)
end

-- Sends the questions of all lists in one flight and files the answers.
local function put_questions(self, lists)
  local replies, message, code = self.conn:requests(requests_of(lists))
  if not replies then fault.raise(code, nil, "%s", message) end
  for i, reply in ipairs(replies) do
    local list = lists[i]
    if reply.error then fault.raise(fault.of_reply(self.conn, reply.code or "unreachable"), nil, "%s", reply.error) end
    local answers = parsed(list, reply)
    local of_kind = self.answers[list.kind] or {}
    self.answers[list.kind] = of_kind
    for j, key in ipairs(list.keys) do of_kind[key] = { answer = answers[j] } end
  end
end

local function wake(self, jobs)
  for _, job in ipairs(jobs) do
    local waits = not job.done and job.waits
    if waits then
      job.waits = nil
      resume(job, self.answers[waits.kind][waits.key].answer)
    end
  end
end

--- Runs functions `fn(host)` that ask questions, all together.
-- @param jobs { { run = function(host), model = Model|nil }, … }; each gets
--   found (what it returned), unknown (why it cannot be known), error (text),
--   refused (whether that is its own word: what it looks for is not as it can
--   be) and asked ({ kind, key } pairs).
-- Raises a fault when the connection fails.
function Round:run(jobs)
  for _, job in ipairs(jobs) do
    job.asked, job.expects = {}, {}
    job.thread = coroutine.create(job.run)
    resume(job, facade(self, job))
  end
  while true do
    local lists = collect(jobs)
    if #lists == 0 then break end
    put_questions(self, lists)
    wake(self, jobs)
  end
  for _, job in ipairs(jobs) do job.thread = nil end
end

--- Asks one question from plain engine code.
function Round:one(kind, ...)
  local args = { ... }
  local job = { run = function(host) return host[kind](host, table.unpack(args)) end }
  self:run { job }
  if job.error then fault.raise("internal", nil, "%s", job.error) end
  return job.found
end

return ask
