--- Facts: what a host says of itself. Asked in the same flight as the
-- connection's shell, so they cost no round trip; few forks, since forks on
-- the host decide what a run costs: the shell reads files itself.

local guard_script = require "neap.guard_script"

local facts = {}

--- The script whose output parse() reads; plain POSIX sh, to be run in a
-- shell of its own, which it replaces at its end.
facts.script = [[
echo "[os]"; while IFS= read -r l || [ -n "$l" ]; do printf '%s\n' "$l"; done 2>/dev/null </etc/os-release
echo "[machine_id]"; IFS= read -r l 2>/dev/null </etc/machine-id && printf '%s\n' "$l"
echo "[uname]"; cd /proc/sys/kernel; if { read -r s <ostype && read -r n <hostname && read -r r <osrelease &&
read -r m <arch; } 2>/dev/null; then echo "$s $n $r $m"; else uname -snrm; fi; cd /
echo "[memory]"; while IFS= read -r l; do case $l in MemTotal:*) echo "$l"; break;; esac
done 2>/dev/null </proc/meminfo
echo "[cpus]"; n=0; for d in /sys/devices/system/cpu/cpu[0-9]*; do [ -d "$d" ] && n=$((n+1)); done; echo "$n"
echo "[init]"; [ -d /run/systemd/system ] && echo systemd
echo "[packages]"; [ -x /usr/bin/dpkg ] && echo dpkg
echo "[uid]"; u=; while read -r k _ l _; do case $k in Uid:) u=$l; break;; esac; done 2>/dev/null </proc/$$/status
[ -n "$u" ] || u=$(id -u); echo "$u"
echo "[guards]"
]] .. guard_script.FACTS .. [[
echo "[addresses]"; command -v ip >/dev/null && exec ip -o addr show scope global 2>/dev/null
:
]]

local ARCHITECTURES = { x86_64 = "amd64", aarch64 = "arm64", armv7l = "armhf", i686 = "i386" }

local BRACKET = ("["):byte()

local function sections_of(text)
  local sections, current = {}, nil
  for line in text:gmatch("[^\n]+") do
    local name = line:byte() == BRACKET and line:match("^%[([%a_]+)%]$")
    if name then
      current = {}
      sections[name] = current
    elseif current then
      current[#current + 1] = line
    end
  end
  return sections
end

local function os_release(lines)
  local values = {}
  for _, line in ipairs(lines or {}) do
    local key, value = line:match("^([%u%d_]+)=(.*)$")
    if key then values[key] = value:match('^"(.*)"$') or value:match("^'(.*)'$") or value end
  end
  return values
end

local function addresses_of(lines)
  local list, by_interface = {}, {}
  for _, line in ipairs(lines or {}) do
    local interface, address = line:match("^%d+:%s+(%S+)%s+inet6?%s+([%x:.]+)/")
    if address then
      list[#list + 1] = address
      by_interface[interface] = by_interface[interface] or {}
      table.insert(by_interface[interface], address)
    end
  end
  return list, by_interface
end

local function first(sections, name) return sections[name] and sections[name][1] end

-- What guards of earlier runs have left on the host.
local function guards_of(lines)
  local list = {}
  for _, line in ipairs(lines or {}) do
    local id, state, seconds = line:match("^(%x+) (%l+) ?(%-?%d*)$")
    if id then list[#list + 1] = { id = id, state = state, seconds = math.max(0, tonumber(seconds) or 0) } end
  end
  return list
end

--- Facts from the script's output: { os_id, os_version, os_codename,
--   hostname, kernel, machine, arch (Debian's name), machine_id, memory_kb,
--   cpus, addresses = { … }, interfaces = { [name] = { … } }, init, packages,
--   uid }. What the host did not say is nil. And the guards (guard.settle) left there.
function facts.parse(text)
  local sections = sections_of(text)
  local release = os_release(sections.os)
  local system, hostname, kernel, machine = (first(sections, "uname") or ""):match("^(%S+) (%S+) (%S+) (%S+)$")
  local addresses, interfaces = addresses_of(sections.addresses)
  return {
    os_id = release.ID, os_version = release.VERSION_ID, os_codename = release.VERSION_CODENAME,
    os_name = release.PRETTY_NAME, os_like = release.ID_LIKE,
    system = system, hostname = hostname, kernel = kernel, machine = machine, arch = ARCHITECTURES[machine] or machine,
    machine_id = first(sections, "machine_id"),
    memory_kb = math.tointeger((first(sections, "memory") or ""):match("(%d+)")),
    cpus = math.tointeger(first(sections, "cpus")), addresses = addresses, interfaces = interfaces,
    init = first(sections, "init"), packages = first(sections, "packages"),
    uid = math.tointeger(first(sections, "uid")),
  }, guards_of(sections.guards)
end

return facts
