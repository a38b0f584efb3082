--- What fuzzers of several readers share: a screen that must stay harmless, readers that may refuse, made-up hosts.
local ask = require "neap.engine.ask"
local crypto = require "neap.core.crypto"
local is_finding = require "finding"
local must = require "must"
local Ui = require "neap.ui"

local telling = {}

--- A ui whose lines are kept; look() finds in them what a terminal would heed.
function telling.ui()
  local ui, shown = Ui.new { color = false, verbose = 1 }, {}
  function ui:line(text) shown[#shown + 1] = text end
  function ui:err(text) shown[#shown + 1] = self:clean(text) end
  function ui.look()
    must(not table.concat(shown, "\n"):find("[%z\1-\8\11-\31\127]"), "a control character is shown")
  end
  return ui
end

--- What `fn` gives, or nil where it refuses in a sentence; what else it raises is a finding.
function telling.try(fn, ...)
  local results = table.pack(xpcall(fn, function(err)
    return is_finding(err) and debug.traceback(tostring(err), 2)
  end, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  if results[2] then error(results[2], 0) end
end

--- A key that seals, in a place where none of a project's is.
-- @return key, folder
function telling.key()
  local dir = os.tmpname()
  os.remove(dir)
  assert(require("neap.core.sys").mkdir(dir, 448))
  return assert(crypto.load_key(dir .. "/seal.key", { create = true })), dir
end

--- Questions to a host on which nothing is: the answer to each is nil.
function telling.round()
  local round, heard = ask.new({}, {}), {}
  local of_kind = setmetatable({}, { __index = function() return heard end })
  round.answers = setmetatable({}, { __index = function() return of_kind end })
  return round
end

--- Files out of an input: a line "== PATH" begins one.
function telling.files(input)
  local files, path, from = {}, nil, 1
  for at, name, after in input:gmatch("()== ([^\n]*)\n()") do
    if at == 1 or input:sub(at - 1, at - 1) == "\n" then
      if path then files[path] = input:sub(from, at - 1) end
      path, from = name, after
    end
  end
  if path then files[path] = input:sub(from) end
  return files
end

return telling
