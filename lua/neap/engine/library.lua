--- The safe library: what sandboxed code has of Lua's own functions.
-- No address of a table, no order of hashing, no chance; and secrets stay secrets through all that makes text.
local taint = require "neap.core.taint"
local fault = require "neap.engine.fault"
local frozen = require "neap.engine.frozen"
local patterns = require "neap.engine.patterns"

local library = {}

-- In the sandbox the methods of strings are the bounded ones.
local find, gsub = string.find, string.gsub
local REP_MAX_BYTES = 64 * 1024 * 1024
local MOVE_MAX = 1000000

--- tostring() without addresses. A secret stays the secret it is.
local function text_of(v)
  local kind = type(v)
  if kind == "string" or taint.is(v) then return v end
  if kind == "table" then
    local mt = debug.getmetatable(v)
    local text = mt and mt.__tostring and mt.__tostring(v) or "table"
    return (type(text) == "string" or taint.is(text)) and text or error("'__tostring' must return a string", 2)
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
  if type(fmt) == "string" and find(fmt, "p", 1, true) and gsub(fmt, "%%%%", ""):find("%%[-+ #0-9.]*p") then
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

library.text, library.concat = text_of, concat

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
--- The methods of strings while sandboxed code runs.
library.strings = strings

local tables = copy(table, {})
tables.concat = concat

--- table.move, which no hook could stop.
function tables.move(from, first, last, ...)
  if math.type(first) and math.type(last) and last - first > MOVE_MAX then
    error(("table.move: %d members are more than a playbook may move"):format(last - first + 1), 2)
  end
  return table.move(from, first, last, ...)
end

-- Those that go from one end of a table to the other: where that is by a __len of its own they may not end, and C that
-- calls C alone is not seen by a hook.
for _, name in ipairs { "insert", "remove", "sort" } do
  local fn = table[name]
  tables[name] = function(t, ...)
    local mt = type(t) == "table" and not frozen.is(t) and debug.getmetatable(t)
    if mt and mt.__len then error(("table.%s wants a table that has no '__len'"):format(name), 2) end
    return fn(t, ...)
  end
end
local numbers = copy(math, { "random", "randomseed" })

--- What has stopped the code that runs, if anything has; set by the sandbox. Such an end cannot be caught by the code
-- that it ends.
library.stopped = nil
--- What Lua says when there is no more memory.
library.NO_MEMORY = "not enough memory"

-- A raised value as a playbook gets it: the engine's faults are not its to change.
local function told(err)
  if fault.is(err) then return tostring(err) end
  return err
end

local function pass_stop(ok, err, ...)
  if not ok then
    if library.stopped then error(library.stopped, 0) end
    if err == library.NO_MEMORY then error(err, 0) end
    err = told(err)
  end
  return ok, err, ...
end

-- What a hook has raised is handled with hooks off, so that nothing could stop a playbook's handler any more.
local function guarded(handler)
  if type(handler) ~= "function" then error("xpcall wants a function to handle errors", 3) end
  return function(err)
    if library.stopped then return err end
    return handler(told(err))
  end
end

-- A library that all environments share, and none can change.
local function shared(functions)
  return setmetatable({}, {
    __metatable = "library", __index = functions,
    __newindex = function(_, name) error(("'%s' of a library cannot be changed"):format(tostring(name)), 2) end,
  })
end

-- What a playbook's metatables may not have: a finalizer would run at any time, and Lua 5.4.4 holds out a __concat
-- only if it is C (see core/script/headroom.h).
local REFUSED = { "__concat", "__gc" }

local metatable_of = setmetatable({}, { __mode = "k" }) -- a playbook's metatable -> the one that Lua knows
local replaceable = setmetatable({}, { __mode = "k" }) -- the latter, unless it is protected

-- What runs when a variable is closed; an error of its own would hide that there is no more memory.
local function closing(close)
  return close and function(v, err)
    if err == library.NO_MEMORY then library.stopped = library.stopped or err end
    return close(v, told(err))
  end
end

-- Lua knows a copy only, so that nothing is put into it afterwards.
local function copied(mt)
  for _, name in ipairs(REFUSED) do
    if rawget(mt, name) ~= nil then error(("a playbook has no '%s'"):format(name), 3) end
  end
  local known = metatable_of[mt] or {}
  for name in next, known do known[name] = nil end
  for name, value in next, mt do known[name] = value end
  known.__close = closing(known.__close)
  metatable_of[mt], replaceable[known] = known, known.__metatable == nil
  if known.__metatable == nil then known.__metatable = mt end
  return known
end

--- What every environment begins with.
library.basic = {
  assert = assert, error = error, ipairs = ipairs, select = select, tonumber = tonumber, type = type,
  rawequal = rawequal, tostring = text_of, pairs = function(t)
    local mt = type(t) == "table" and getmetatable(t)
    if type(mt) == "table" and mt.__pairs then return mt.__pairs(t) end
    if type(t) ~= "table" then error(("pairs wants a table, got %s"):format(type(t)), 2) end
    return frozen.pairs(t)
  end,
  next = frozen.next,
  pcall = function(f, ...) return pass_stop(pcall(f, ...)) end,
  xpcall = function(f, handler, ...) return pass_stop(xpcall(f, guarded(handler), ...)) end,
  getmetatable = function(t)
    if type(t) ~= "table" then error("getmetatable wants a table", 2) end
    return getmetatable(t)
  end,
  string = shared(strings), table = shared(tables), math = shared(numbers), utf8 = shared(utf8),
  setmetatable = function(t, mt)
    if type(t) ~= "table" or mt ~= nil and type(mt) ~= "table" then error("setmetatable wants a table", 2) end
    local now = debug.getmetatable(t)
    if now and now.__metatable ~= nil and not replaceable[now] then error("cannot change a protected metatable", 2) end
    return debug.setmetatable(t, mt and copied(mt))
  end,
}

return library
