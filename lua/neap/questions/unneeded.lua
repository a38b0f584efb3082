--- What nobody needs any more once some packages are gone: unneeded("nginx haproxy") -> { "nginx-common", … }.
-- What apt would then remove as installed automatically, less what it would remove so today.
local apt = require "neap.apt"
local sh = require "neap.sh"

local SCRIPT = [[
gone() {
  apt_get -s -o Debug::NoLocking=true -o APT::Get::AutomaticRemove=true -o APT::AutoRemove::SuggestsImportant=false \
    -o APT::AutoRemove::RecommendsImportant=false "$@" |
    sed -n 's/^Remv \([^ ]*\).*/\1/p' | sort -u
}
fresh || update
W=$(mktemp -d "$D/unneeded.XXXXXX") || fail "cannot write to $D"
trap 'rm -rf "$W"' EXIT
gone install >"$W/today"
]]

local ONE = [[
printf '#%d\n'
gone --no-install-recommends install %s >"$W/then"
comm -13 "$W/today" "$W/then"
]]

local function script(list)
  local text = { apt.PRELUDE, SCRIPT }
  for i, args in ipairs(list) do
    local words = {}
    for name in args[1]:gmatch("%S+") do words[#words + 1] = name .. "-" end
    text[#text + 1] = ONE:format(i, sh.words(words))
  end
  return table.concat(text)
end

local function parse(r, list)
  if r.rc ~= 0 then error(r.err:match("([^\n]*)\n*$"), 0) end
  local answers = {}
  for i in ipairs(list) do answers[i] = {} end
  local into
  for line in r.out:gmatch("[^\n]+") do
    local index = line:match("^#(%d+)$")
    if index then into = answers[tonumber(index)] elseif into then into[#into + 1] = line end
  end
  return answers
end

return { name = "unneeded", script = script, parse = parse, timeout_ms = 10 * 60 * 1000 }
