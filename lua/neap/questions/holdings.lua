--- What a user has on a host outside given places: holdings("app", "/srv/app", "/home/ada") ->
-- { processes = { { pid, unit, name } … }, files = { path … }, more = bool }. The root directory is no such place.
-- Processes as the question of that name tells them; files on all local file systems that outlive a boot, the first
-- hundred of them; what Neap has put aside is its own.
local processes = require "neap.questions.processes"
local sh = require "neap.sh"

local MOST = 100

local FILES = [=[
local_mounts() {
  while read -r _ dir kind _; do
    case $kind in
    proc|sysfs|cgroup*|devpts|devtmpfs|mqueue|debugfs|tracefs|securityfs|pstore|bpf|configfs|hugetlbfs|efivarfs) ;;
    binfmt_misc|fusectl|rpc_pipefs|nsfs|ramfs|autofs|tmpfs|nfs*|cifs|smb*|9p|ceph|glusterfs|fuse.*) ;;
    *) printf '%%b\n' "$dir" ;;
    esac
  done </proc/self/mounts | sort -u
}
look() {
  printf '#user\n'
  uid=$(id -u -- "$1" 2>/dev/null) || return 0
  processes "$uid"
  local_mounts | while IFS= read -r dir; do
    find "$dir" -xdev \( -path "$2" -o -path "$3" -o -path /var/lib/neap \) -prune -o -user "$uid" -print 2>/dev/null
  done | head -n %d | sed 's/^/f	/'
}
]=]

-- A place as find's pattern for it alone.
local function place_of(arg)
  local path = arg and arg:gsub("/+$", "") or ""
  return path ~= "" and path:gsub("[%*%?%[\\]", "\\%0") or "/nonexistent"
end

local function script(list)
  local text = { processes.SCRIPT, FILES:format(MOST + 1) }
  for _, args in ipairs(list) do
    text[#text + 1] = sh("look %s %s %s\n", args[1], place_of(args[2]), place_of(args[3]))
  end
  return table.concat(text)
end

local function parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'holdings' (status %d): %s"):format(r.rc, r.err), 0) end
  local answers = {}
  for line in r.out:gmatch("[^\n]*") do
    local one = answers[#answers]
    local process = processes.process_of(line)
    if line == "#user" then
      answers[#answers + 1] = { processes = {}, files = {} }
    elseif not one then
      break -- it does not begin as an answer does
    elseif process then
      table.insert(one.processes, process)
    elseif line:find("^f\t") and #one.files == MOST then
      one.more = true
    elseif line:find("^f\t") then
      table.insert(one.files, line:sub(3))
    end
  end
  if #answers ~= #list then error("the answer of 'holdings' is cut short: " .. r.err, 0) end
  return answers
end

return { name = "holdings", script = script, parse = parse, timeout_ms = 10 * 60 * 1000 }
