--- Which versions of a package the sources of the host offer: offered("nginx") -> { "1.22.1-9", … }.
local apt = require "neap.apt"
local sh = require "neap.sh"

local SCRIPT = [[
fresh || update
apt-cache -o Dir::State::lists="$D/lists" -o Dir::Cache="$D" -o Dir::Cache::srcpkgcache= \
  -o Dir::Etc::sourceparts="$parts" madison ]]

local function script(list)
  local names = {}
  for i, args in ipairs(list) do names[i] = args[1] end
  return apt.PRELUDE .. SCRIPT .. sh.words(names)
end

local function parse(r, list)
  if r.rc ~= 0 then error(r.err:match("([^\n]*)\n*$"), 0) end
  local offered, answers = {}, {}
  for name, version in r.out:gmatch("([^%s|]+)%s*|%s*([^%s|]+)%s*|[^\n]*") do
    offered[name] = offered[name] or {}
    table.insert(offered[name], version)
  end
  for i, args in ipairs(list) do answers[i] = offered[args[1]:match("^[^:]*")] or {} end
  return answers
end

return { name = "offered", script = script, parse = parse, timeout_ms = 10 * 60 * 1000 }
