--- Small functions that playbooks and templates share.
local frozen = require "neap.engine.frozen"
local sandbox = require "neap.engine.sandbox"

local helpers = {}

--- join(list, ", "): what the members print as, with a separator between.
function helpers.join(list, separator)
  local pieces = {}
  for i, member in ipairs(list) do
    if member == nil or type(member) == "function" then error("join wants a list of printable values", 2) end
    pieces[i] = type(member) == "boolean" and tostring(member) or member
  end
  return sandbox.concat(pieces, separator or " ")
end

--- map(list, fn): fn of each member.
function helpers.map(list, fn)
  local made = {}
  for i, member in ipairs(list) do made[i] = fn(member, i) end
  return made
end

--- filter(list, fn): the members for which fn holds.
function helpers.filter(list, fn)
  local kept = {}
  for _, member in ipairs(list) do
    if fn(member) then kept[#kept + 1] = member end
  end
  return kept
end

--- keys(t): the names in a table, sorted.
function helpers.keys(t) return frozen.keys(t) end

--- indent(text, n): every line that is not empty, n blanks further in.
function helpers.indent(text, n)
  return (text:gsub("[^\n]+", function(line) return (" "):rep(n) .. line end))
end

--- json(v): v as JSON, keys sorted.
function helpers.json(v) return (require("neap.core.json").encode(frozen.copy(v))) end

return helpers
