--- What a playbook, a template or an inventory in Lua may do: compute, and nothing else.
-- The same inputs must give the same desired state, so the sandbox has no clock, no chance, no file, no address of a
-- table and no order of hashing; and a playbook that loops or grows for ever is stopped, or when a signal comes.
--
--     sandbox.run(limits, fn, ...)     instruction and memory bounds around untrusted code
--     sandbox.environment(words)       the names such code sees
--     sandbox.load(text, name, env)    compiles it (text only, never foreign bytecode)
--
-- What such code has of Lua is in library.lua.
local fault = require "neap.engine.fault"
local library = require "neap.engine.library"
local loop = require "neap.core.loop"
local match = require "neap.core.match"
local memory = require "neap.core.memory"
local near = require "neap.near"

local sandbox = {}

local STEP = 100000
local LIMITS = { instructions = 200000000, memory_bytes = 512 * 1024 * 1024, match_steps = 1000000000 }

sandbox.text, sandbox.concat = library.text, library.concat

local ABSENT = {
  io = "a playbook reads declared inputs: read_file, template", os = "a playbook has no clock and no environment",
  require = "share code by include", dofile = "share code by include", loadfile = "share code by include",
  load = "share code by include", print = "use note(...)", coroutine = "a playbook needs none", debug = "not here",
  package = "it is a resource type: package \"name\"", collectgarbage = "not here",
  -- what people know from elsewhere
  cron = "that is timer, or a file in /etc/cron.d", copy = "that is file, with source", apt = "that is package",
  yum = "that is package", dnf = "that is package", shell = "that is command", exec = "that is command",
  lineinfile = "that is line", blockinfile = "that is block", systemd = "that is service, or systemd_unit",
  git = "that is release, with repository", ufw = "that is file, and service", mount = "that is line, in /etc/fstab",
}

local function unknown(env, name, where, more)
  local candidates = {}
  for k in next, env do candidates[#candidates + 1] = k end
  for _, k in ipairs(more and more() or {}) do candidates[#candidates + 1] = k end
  local hint = ABSENT[name] and (": %s"):format(ABSENT[name]) or near.hint(name, candidates)
  fault.raise("playbook", where and where(), "unknown name '%s'%s", name, hint)
end

--- The global names of sandboxed code: the safe library, `words`, and what opts.resolve(name) finds.
-- @param words table of further names
-- @param opts resolve = function(name) -> value|nil; names = function() -> list (for suggestions);
--   where = function() -> "file:line" of the running code
function sandbox.environment(words, opts)
  opts = opts or {}
  local env = {}
  for k, v in pairs(library.basic) do env[k] = v end
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
local LIBRARY = { references = true, sandbox = true, library = true, frozen = true, patterns = true, helpers = true }

local function is_library(name) return LIBRARY[string.match(name, "neap/engine/([%w_]+)%.lua$")] end

-- The sandboxed file that Lua means by a name in an error, of which it leaves out the beginning where it is long.
local function known_source(name)
  if not name or sources["@" .. name] then return name end
  local tail = string.match(name, "^%.%.%.(.*)$")
  for source in pairs(tail and sources or {}) do
    if string.sub(source, -#tail) == tail then return string.sub(source, 2) end
  end
end

-- Any error raised under run(), as a fault where the sandboxed code is to blame; an error of the engine's own keeps
-- its traceback.
local function handler(err)
  match.budget(LIMITS.match_steps) -- what follows matches too, and the run is over
  if library.stopped or err == library.NO_MEMORY then return err end
  if fault.caught(err) then return fault.caught(err) end
  if type(err) ~= "string" then return fault.new("playbook", sandbox.where(), "%s", tostring(library.text(err))) end
  local name, line, message = position_of(err)
  local source = known_source(name)
  if source then return fault.new("playbook", source .. ":" .. line, "%s", message) end
  if not name or is_library(name) then return fault.new("playbook", sandbox.where(), "%s", message or err) end
  return debug.traceback(err, 2)
end

local string_meta = debug.getmetatable("")
local current -- the limits of the run that is going on, if one is

-- Why a run ends here, as a fault: a signal has come, or the bound is passed.
local function end_of(limits, info)
  local where, signal = ("%s:%d"):format(info.source:sub(2), info.currentline), loop.signal()
  if signal then return fault.new("interrupted", where, "interrupted by signal %d", signal) end
  return fault.new("playbook", where, "stopped after %d million instructions: an endless loop?",
    limits.instructions // 1000000)
end

-- The hook of one run; it goes on raising once it is to end. It raises in sandboxed code only, so that the engine's own
-- functions are never cut off in the middle, and neither is the way out of run().
local function guard(limits, thread)
  local left = limits.instructions
  local function hook()
    left = left - STEP
    if left > 0 and not loop.signal() then return end
    debug.sethook(thread, hook, "", 1)
    local info = debug.getinfo(2, "Sl")
    if not info or not sources[info.source] then return end
    library.stopped = library.stopped or end_of(limits, info)
    error(library.stopped, 0)
  end
  debug.sethook(thread, hook, "", STEP)
end

local function enter(limits, thread)
  current = limits
  string_meta.__index = library.strings
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
  library.stopped = nil
  enter(limits, thread)
  local results = table.pack(xpcall(fn, handler, ...))
  leave(thread)
  local why = library.stopped
  library.stopped = nil
  if results[1] then return table.unpack(results, 2, results.n) end
  if results[2] == library.NO_MEMORY then
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
