--- Which versions of a package the sources of the host offer: offered("nginx", "{}") -> { "1.22.1-9", … }. The second
-- argument is JSON: the sources that will have been written or removed by then, see apt.with_sources.
local apt = require "neap.apt"
local json = require "neap.core.json"
local sh = require "neap.sh"

local SCRIPT = [[
fresh || update
apt-cache -o Dir::State::lists="$D/lists" -o Dir::Cache="$D" -o Dir::Cache::srcpkgcache= \
  -o Dir::Etc::sourceparts="$parts" madison ]]

-- The names that are asked for with the same sources.
local function by_sources(list)
  local groups, known = {}, {}
  for _, args in ipairs(list) do
    local spec = args[2]
    if not known[spec] then
      known[spec] = { spec = spec, names = {} }
      groups[#groups + 1] = known[spec]
    end
    table.insert(known[spec].names, args[1])
  end
  return groups
end

local function script(list)
  local text = { apt.PRELUDE }
  for i, group in ipairs(by_sources(list)) do
    text[#text + 1] = ("echo '#%d'\nparts=/etc/apt/sources.list.d\n"):format(i)
    text[#text + 1] = apt.with_sources(json.decode(group.spec)) .. SCRIPT .. sh.words(group.names) .. "\n"
  end
  return table.concat(text)
end

local function parse(r, list)
  local offered, answers, groups = {}, {}, by_sources(list)
  for i, lines in ipairs(apt.numbered(r, groups)) do
    local of_spec = {}
    offered[groups[i].spec] = of_spec
    for _, line in ipairs(lines) do
      local name, version = line:match("^%s*([^%s|]+)%s*|%s*([^%s|]+)%s*|")
      if name then
        of_spec[name] = of_spec[name] or {}
        table.insert(of_spec[name], version)
      end
    end
  end
  for i, args in ipairs(list) do answers[i] = (offered[args[2]] or {})[args[1]:match("^[^:]*")] or {} end
  return answers
end

return { name = "offered", script = script, parse = parse, timeout_ms = 10 * 60 * 1000 }
