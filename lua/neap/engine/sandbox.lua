--- What a playbook, a template or an inventory in Lua may do: compute, and nothing else.
-- The same inputs must give the same desired state, so the sandbox has no clock, no chance, no file, no address of a
-- table and no order of hashing; and a playbook that loops or grows for ever is stopped.
--
--     sandbox.run(limits, fn, ...)     instruction and memory bounds around untrusted code
--     sandbox.environment(words)       the names such code sees
--     sandbox.load(text, name, env)    compiles it (text only, never foreign bytecode)
--
-- Secrets pass through the text functions as secrets: joining one into a string gives a secret.
local taint = require "neap.core.taint"
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local match = require "neap.core.match"
local memory = require "neap.core.memory"
local near = require "neap.near"
local patterns = require "neap.engine.patterns"

local sandbox = {}

local STEP = 100000
local LIMITS = { instructions = 200000000, memory_bytes = 512 * 1024 * 1024, match_steps = 1000000000 }
local NO_MEMORY = "not enough memory" -- what Lua says then
local REP_MAX_BYTES = 64 * 1024 * 1024

--- tostring() without addresses. A secret stays the secret it is.
local function text_of(v)
  local kind = type(v)
  if kind == "string" or taint.is(v) then return v end
  if kind == "table" then
    local mt = debug.getmetatable(v)
    return mt and mt.__tostring and mt.__tostring(v) or "table"
  end
  if kind == "number" or kind == "boolean" or kind == "nil" then return tostring(v) end
  return kind
end

local function holds_secret(list, n)
  for i = 1, n do
    if type(list[i]) == "userdata" and taint.is(list[i]) then return true end
  end
  return false
end

local function format(fmt, ...)
  local args, n = { ... }, select("#", ...)
  for i = 1, n do
    if type(args[i]) == "table" or type(args[i]) == "function" then args[i] = text_of(args[i]) end
  end
  if taint.is(fmt) or holds_secret(args, n) then return taint.format(fmt, table.unpack(args, 1, n)) end
  if type(fmt) == "string" and fmt:gsub("%%%%", ""):find("%%[-+ #0-9.]*p") then
    error("'%p' would show an address, which differs from run to run", 2)
  end
  return string.format(fmt, table.unpack(args, 1, n))
end

local function concat(list, separator, first, last)
  first, last = first or 1, last or #list
  local pieces, n, secret = {}, 0, taint.is(separator)
  for i = first, last do
    local piece = list[i]
    if type(piece) == "table" then piece = text_of(piece) end
    if type(piece) == "userdata" then secret = true end
    n = n + 1
    pieces[n] = piece == nil and error(("invalid value (at index %d) in table for 'concat'"):format(i), 2) or piece
  end
  if secret then return taint.concat(pieces, separator) end
  return table.concat(pieces, separator)
end

sandbox.text, sandbox.concat = text_of, concat

local function rep(s, n, separator)
  s = type(s) == "number" and tostring(s) or s
  local size = (#s + #(separator or "")) * math.max(n, 0)
  if size > REP_MAX_BYTES then error(("string.rep: %d bytes are more than a playbook may make"):format(size), 2) end
  return string.rep(s, n, separator)
end

local function copy(from, without)
  local to = {}
  for k, v in pairs(from) do to[k] = v end
  for _, k in ipairs(without) do to[k] = nil end
  return to
end

local strings = copy(string, { "dump" })
strings.format, strings.rep = format, rep
for name, fn in pairs(patterns) do strings[name] = fn end
local tables = copy(table, {})
tables.concat = concat
local numbers = copy(math, { "random", "randomseed" })

-- Set while code runs in the sandbox: what stopped it. Such an end cannot be caught by the code it ends.
local stopped

local function pass_stop(ok, err, ...)
  if not ok then
    if stopped then error(stopped, 0) end
    if err == NO_MEMORY then error(err, 0) end
    if fault.is(err) then err = tostring(err) end
  end
  return ok, err, ...
end

-- A library that all environments share, and none can change.
local function shared(library)
  return setmetatable({}, {
    __metatable = "library", __index = library,
    __newindex = function(_, name) error(("'%s' of a library cannot be changed"):format(tostring(name)), 2) end,
  })
end

local basic = {
  assert = assert, error = error, ipairs = ipairs, select = select, tonumber = tonumber, type = type,
  rawequal = rawequal, tostring = text_of, pairs = function(t)
    local mt = type(t) == "table" and getmetatable(t)
    if type(mt) == "table" and mt.__pairs then return mt.__pairs(t) end
    if type(t) ~= "table" then error(("pairs wants a table, got %s"):format(type(t)), 2) end
    return frozen.pairs(t)
  end,
  next = frozen.next,
  pcall = function(f, ...) return pass_stop(pcall(f, ...)) end,
  xpcall = function(f, handler, ...) return pass_stop(xpcall(f, handler, ...)) end,
  getmetatable = function(t)
    if type(t) ~= "table" then error("getmetatable wants a table", 2) end
    return getmetatable(t)
  end,
  string = shared(strings), table = shared(tables), math = shared(numbers), utf8 = shared(utf8),
  setmetatable = function(t, mt)
    if type(t) ~= "table" then error("setmetatable wants a table", 2) end
    if type(mt) == "table" and rawget(mt, "__gc") ~= nil then error("a playbook has no '__gc'", 2) end
    return setmetatable(t, mt)
  end,
}

local ABSENT = {
  io = "a playbook reads declared inputs: read_file, template", os = "a playbook has no clock and no environment",
  require = "share code by include", dofile = "share code by include", loadfile = "share code by include",
  load = "share code by include", print = "use note(...)", coroutine = "a playbook needs none", debug = "not here",
  package = "it is a resource type: package \"name\"", collectgarbage = "not here",
}

local function unknown(env, name, where, more)
  local candidates = {}
  for k in next, env do candidates[#candidates + 1] = k end
  for _, k in ipairs(more and more() or {}) do candidates[#candidates + 1] = k end
  local hint = near.hint(name, candidates)
  if hint == "" and ABSENT[name] then hint = (": %s"):format(ABSENT[name]) end
  fault.raise("playbook", where and where(), "unknown name '%s'%s", name, hint)
end

--- The global names of sandboxed code: the safe library, `words`, and what opts.resolve(name) finds.
-- @param words table of further names
-- @param opts resolve = function(name) -> value|nil; names = function() -> list (for suggestions);
--   where = function() -> "file:line" of the running code
function sandbox.environment(words, opts)
  opts = opts or {}
  local env = copy(basic, {})
  for k, v in pairs(words or {}) do env[k] = v end
  return setmetatable(env, {
    __metatable = "environment",
    __index = function(_, name)
      local value = opts.resolve and opts.resolve(name)
      if value == nil then unknown(env, name, opts.where, opts.names) end
      return value
    end,
    __newindex = function(_, name)
      fault.raise("playbook", opts.where and opts.where(), "'%s' is no local variable: write 'local %s = …'", name,
        name)
    end,
  })
end

local sources = {} -- "@name" of all that was compiled here

local names = setmetatable({}, { __mode = "k" }) -- function -> name of its file, false for the engine's own

-- The file in which a function was compiled here, or false; remembered, since this is asked for each resource.
local function name_of(fn)
  local name = names[fn]
  if name == nil then
    local source = debug.getinfo(fn, "S").source
    name = sources[source] and source:sub(2) or false
    names[fn] = name
  end
  return name
end

--- "file:line" of the innermost running function that was compiled here, or nil.
-- @param first level at which to begin to look, for callers who know how far it is at least
function sandbox.where(first)
  for level = first or 2, 200 do
    local info = debug.getinfo(level, "fl")
    if not info then return nil end
    local name = name_of(info.func)
    if name then return name .. ":" .. info.currentline end
  end
end

-- "name:12: message" taken apart.
local function position_of(err)
  local name, line, message = err:match("^([^\n]-):(%d+): (.*)$")
  if name then return name, line, message end
end

-- The compiler's message as a fault; its place is in its text.
local function syntax_fault(err, name, code)
  local _, line, message = position_of(err)
  return fault.new(code or "playbook", line and ("%s:%s"):format(name, line) or name, "%s", message or err)
end

--- Compiles text, whose errors name `name`; raises a fault.
function sandbox.load(text, name, env, code)
  if text:sub(1, 1) == "\27" then fault.raise(code or "playbook", name, "is bytecode, not Lua text") end
  local fn, err = load(text, "@" .. name, "t", env)
  if not fn then error(syntax_fault(err, name, code), 0) end
  sources["@" .. name] = true
  return fn
end

--- Compiles text once for many environments; the result is for instance().
function sandbox.compile(text, name, code) return string.dump(sandbox.load(text, name, {}, code)) end

--- What compile() made, as a function in an environment.
function sandbox.instance(compiled, env) return (assert(load(compiled, "compiled", "b", env))) end

-- The engine's files whose errors are the caller's: the safe library.
local LIBRARY = { sandbox = true, frozen = true, patterns = true, helpers = true }
local ENGINE = debug.getinfo(1, "S").source:match("^@(.*/)[^/]*$")

local function is_library(name)
  return string.sub(name, 1, #ENGINE) == ENGINE and LIBRARY[string.match(name, "([%w_]+)%.lua$")]
end

-- Any error raised under run(), as a fault where the sandboxed code is to blame; an error of the engine's own keeps
-- its traceback.
local function handler(err)
  match.budget(LIMITS.match_steps) -- what follows matches too, and the run is over
  if fault.is(err) or stopped or err == NO_MEMORY then return err end
  if type(err) ~= "string" then return fault.new("playbook", sandbox.where(), "%s", tostring(text_of(err))) end
  local name, line, message = position_of(err)
  if name and sources["@" .. name] then return fault.new("playbook", name .. ":" .. line, "%s", message) end
  if not name or is_library(name) then return fault.new("playbook", sandbox.where(), "%s", message or err) end
  return debug.traceback(err, 2)
end

local string_meta = debug.getmetatable("")
local current -- the limits of the run that is going on, if one is

-- The hook of one run; it goes on raising once the bound is passed. It raises in sandboxed code only, so that the
-- engine's own functions are never cut off in the middle, and neither is the way out of run().
local function guard(limits, thread)
  local left = limits.instructions
  local function hook()
    left = left - STEP
    if left > 0 then return end
    debug.sethook(thread, hook, "", 1)
    local info = debug.getinfo(2, "Sl")
    if not info or not sources[info.source] then return end
    stopped = stopped or fault.new("playbook", ("%s:%d"):format(info.source:sub(2), info.currentline),
      "stopped after %d million instructions: an endless loop?", limits.instructions // 1000000)
    error(stopped, 0)
  end
  debug.sethook(thread, hook, "", STEP)
end

local function enter(limits, thread)
  current = limits
  string_meta.__index = strings
  memory.limit(memory.used() + limits.memory_bytes)
  match.budget(limits.match_steps)
  guard(limits, thread)
end

local function leave(thread)
  debug.sethook(thread)
  memory.limit(0)
  string_meta.__index = string
  current = nil
end

--- Runs `fn(...)` within bounds; returns what it returns, raises what it raises, as a fault.
-- @param limits { instructions=, memory_bytes= }, defaults for what is absent
function sandbox.run(limits, fn, ...)
  if current then return fn(...) end
  limits = setmetatable(limits or {}, { __index = LIMITS })
  local thread = coroutine.running()
  stopped = nil
  enter(limits, thread)
  local results = table.pack(xpcall(fn, handler, ...))
  leave(thread)
  local why = stopped
  stopped = nil
  if results[1] then return table.unpack(results, 2, results.n) end
  if results[2] == NO_MEMORY then
    why = fault.new("playbook", nil, "stopped: it needs more than %d MB of memory", limits.memory_bytes // 1048576)
  end
  error(why or results[2], 0)
end

--- Runs engine code that may yield to other hosts from inside the sandbox.
function sandbox.outside(fn, ...)
  if not current then return fn(...) end
  local thread, limits = coroutine.running(), current
  local hook, mask, count = debug.gethook(thread)
  leave(thread)
  local results = table.pack(pcall(fn, ...))
  enter(limits, thread)
  debug.sethook(thread, hook, mask, count)
  if results[1] then return table.unpack(results, 2, results.n) end
  error(results[2], 0)
end

return sandbox
