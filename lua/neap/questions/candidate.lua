--- Which of some packages a host is offered: candidate("mysql-server", "mariadb-server") -> the first that the host's
-- package sources have a candidate for, or nil. On a bare host the index is fetched, so ask first which is `installed`.
local apt = require "neap.apt"
local sh = require "neap.sh"

local ASK = apt.PRELUDE .. [[
fresh || update
ask() {
  printf '#\n'
  apt-cache -o Dir::State::lists="$D/lists" -o Dir::Cache="$D" -o Dir::Cache::srcpkgcache= policy "$@"
}
]]

local function script(list)
  local text = { ASK }
  for _, args in ipairs(list) do text[#text + 1] = "ask " .. sh.words(args) .. "\n" end
  return table.concat(text)
end

local function choose(text, names)
  local seen, name = {}, nil
  for line in text:gmatch("[^\n]+") do
    name = line:match("^(%S+):$") or name
    local version = line:match("^  Candidate: (%S+)")
    if name and version and version ~= "(none)" then seen[name] = true end
  end
  for _, wanted in ipairs(names) do
    if seen[wanted] then return wanted end
  end
end

local function parse(r, list)
  if r.rc ~= 0 then error((r.err:gsub("%s+$", "")), 0) end
  local answers, i = {}, 0
  for text in (r.out .. "#\n"):gsub("^#\n", ""):gmatch("(.-)#\n") do
    i = i + 1
    answers[i] = list[i] and choose(text, list[i])
  end
  if i ~= #list then error(("apt-cache answered %d times, asked %d times"):format(i, #list), 0) end
  return answers
end

return { name = "candidate", script = script, parse = parse, timeout_ms = 10 * 60 * 1000 }
