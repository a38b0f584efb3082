--- apt, driven from a directory of Neap's own on the host.
-- A plan must be true on a host that has never fetched an index, and must change nothing that is the host's own. So
-- the index and the packages are fetched into DIR, and all that is asked of apt is asked of the index there:
--
--     plan:   index (once an hour) ─▶ resolve and download ─▶ look into the new packages (neap.debs)
--     apply:  the same index and packages ─▶ one transaction
--
-- so that an apply right after its plan fetches nothing and installs what the plan said.
local sh = require "neap.sh"
local taint = require "neap.core.taint"

local apt = {}

apt.DIR = "/var/cache/neap/apt"
apt.LOCK, apt.LOCK_WAIT_S = apt.DIR .. "/lock", 600

--- Shell functions that each script about packages starts with.
-- `parts` is the directory that sources are read from: the host's, or a copy with those that are still to be written.
-- What failed is asked for again at once: apt 2.6 can wait for ever where one index of several is to wait its second.
apt.PRELUDE = sh([[
umask 022
export LC_ALL=C DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
export NEEDRESTART_SUSPEND=1 APT_LISTCHANGES_FRONTEND=none UCF_FORCE_CONFFOLD=1
D=%s parts=/etc/apt/sources.list.d
fail() { echo "$1" >&2; exit "${2:-1}"; }
command -v apt-get >/dev/null || fail "no apt-get on this host: packages are known by apt only"
mkdir -p "$D/lists/partial" "$D/archives/partial" || fail "cannot make $D"
changed() { cat "$D/changed" 2>/dev/null; }
before=$(changed)
exec 8>"$D/lock" && flock -w %d 8 || fail "another run has been using $D for %d s"
apt_get() {
  apt-get -q -o Dir::State::lists="$D/lists" -o Dir::Cache="$D" -o Dir::Cache::srcpkgcache= \
    -o Dir::Etc::sourceparts="$parts" -o Acquire::Languages=none -o Acquire::Retries=2 \
    -o Acquire::Retries::Delay=false -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=%d "$@" 8>&-
}
sources() { cat /etc/apt/sources.list /etc/apt/preferences /etc/apt/preferences.d/* "$parts"/* 2>/dev/null | cksum; }
fresh() { [ "$(cat "$D/stamp" 2>/dev/null)" = "$(sources)" ] && [ -n "$(find "$D/stamp" -mmin -60)" ]; }
interrupted() { # whether an earlier transaction was cut short
  [ -n "$(ls /var/lib/dpkg/updates)" ] ||
    dpkg-query -W -f '${db:Status-Status}\n' | grep -qE '^(half-|unpacked|triggers-)'
}
update() {
  rm -f "$D/stamp" "$D/candidates"
  apt_get update >"$D/update.log" 2>&1 && sources >"$D/stamp" && return
  fail "the package index cannot be fetched: $(grep '^[EW]:' "$D/update.log" | head -n 5)"
}
]], apt.DIR, apt.LOCK_WAIT_S, apt.LOCK_WAIT_S, apt.LOCK_WAIT_S)

--- Sources of packages that resources of any type before this one will have written or removed:
-- { [file name] = text|false }.
function apt.planned_sources(model)
  local sources = {}
  for path, edit in pairs(model.edits.content or {}) do
    local name = path:match("^/etc/apt/sources%.list%.d/([^/]+%.%l+)$")
    local is_source = name and not edit.unknown and (name:find("%.sources$") or name:find("%.list$"))
    if is_source then sources[name] = edit.answer and taint.reveal(edit.answer) or false end
  end
  return sources
end

--- Shell text that reads sources from a copy in which `repositories` ({ [file name] = text|false }) are as planned.
function apt.with_sources(repositories)
  local names = {}
  for name in pairs(repositories) do names[#names + 1] = name end
  if #names == 0 then return "" end
  table.sort(names)
  local text = {
    'parts=$D/sources\nrm -rf "$parts"; mkdir -p "$parts"\ncp -p /etc/apt/sources.list.d/* "$parts/" 2>/dev/null\n',
  }
  for _, name in ipairs(names) do
    local content = repositories[name]
    if content then
      text[#text + 1] = sh('printf %%s %s >"$parts"/%s\n', content, name)
    else
      text[#text + 1] = sh('rm -f "$parts"/%s\n', name)
    end
  end
  return table.concat(text)
end

--- The words of one transaction, for `apt-get install`.
-- @param group { install = { { name, version } … }, remove = { name … }, recommends = bool }
function apt.words(group)
  local words = { group.recommends and "--install-recommends" or "--no-install-recommends", "install" }
  for _, package in ipairs(group.install) do
    words[#words + 1] = package.version and package.name .. "=" .. package.version or package.name
  end
  for _, name in ipairs(group.remove) do words[#words + 1] = name .. "-" end
  return sh.words(words)
end

local SECTIONS = {
  { "^The following NEW packages will be installed", "new" },
  { "^The following packages will be upgraded", "upgraded" },
  { "^The following packages will be REMOVED", "removed" },
  { "^The following packages will be DOWNGRADED", "downgraded" },
  { "^The following held packages will be changed", "held" },
}

local function section_of(line)
  for _, section in ipairs(SECTIONS) do
    if line:find(section[1]) then return section[2] end
  end
end

--- What `apt-get -V` says that it will do: { new, upgraded, removed, downgraded, held = { { name, version, was } … } }.
function apt.parse(out)
  local transaction, into = { new = {}, upgraded = {}, removed = {}, downgraded = {}, held = {} }, nil
  for line in out:gmatch("[^\n]+") do
    local name, versions = line:match("^ +([^%s*]+)%*? %((.*)%)$")
    if not line:find("^ ") then
      into = transaction[section_of(line)]
    elseif into and name then
      local was, version = versions:match("^(%S+) => (%S+)$")
      into[#into + 1] = { name = name, version = version or versions, was = was }
    end
  end
  return transaction
end

--- The lines of a reply that come after each "#n", for each of the questions in `list`: a `parse` of questions.
function apt.numbered(reply, list)
  if reply.rc ~= 0 then error(reply.err:match("([^\n]*)\n*$"), 0) end
  local answers, into = {}, nil
  for i in ipairs(list) do answers[i] = {} end
  for line in reply.out:gmatch("[^\n]+") do
    local index = line:match("^#(%d+)$")
    if index then into = answers[tonumber(index)] elseif into then into[#into + 1] = line end
  end
  return answers
end

local UNMET_MAX = 4 -- dependencies that are told of: more are not read

-- Packages that provide a virtual one, by its name: what apt says before it refuses to choose.
local function providers_in(log)
  local providers = {}
  for name, lines in log:gmatch("Package (%S+) is a virtual package provided by:\n(.-)\n\n") do
    local names = {}
    for provider in ("\n" .. lines):gmatch("\n%s+(%S+)") do names[#names + 1] = provider end
    table.sort(names)
    providers[name] = table.concat(names, ", ")
  end
  return providers
end

local function in_our_words(line, providers)
  local name = line:match("^Package '?([^%s']+)'? has no installation candidate$")
  if name and providers[name] then
    return ("'%s' is a virtual package: name one that provides it, of %s"):format(name, providers[name])
  end
  if name then return ("no package source of the host has a package '%s'"):format(name) end
  return (line:gsub("^Unable to locate package (.*)$", "no package source of the host has a package '%1'"))
end

--- Why apt refused, as one sentence: its errors, and the dependencies that it could not meet.
function apt.complaint(log)
  local errors, unmet, inside, providers = {}, {}, false, providers_in(log)
  for line in log:gmatch("[^\n]+") do
    if line:find("^The following packages have unmet dependencies") then
      inside = true
    elseif inside and line:find("^ ") then
      unmet[#unmet + 1] = (line:gsub("%s+", " "):gsub("^ ", ""))
    elseif line:find("^E: ") then
      errors[#errors + 1] = in_our_words(line:sub(4), providers)
      inside = false
    end
  end
  if #unmet > UNMET_MAX then
    unmet = table.move(unmet, 1, UNMET_MAX, 1, { [UNMET_MAX + 1] = ("and %d more"):format(#unmet - UNMET_MAX) })
  end
  local said = table.move(errors, 1, #errors, #unmet + 1, unmet)
  return #said > 0 and table.concat(said, "; ") or log:match("([^\n]+)%s*$") or "apt-get said nothing"
end

return apt
