--- A host that is this machine: requests run in a shell of its own, the way the shell on a managed host runs them,
-- for tests that want to see a type's scripts at work. What they touch lies in a scratch directory, and so does what
-- Neap keeps on a host, which a test that logs in here would tidy up in the middle of them; with `private`,
-- /etc, /home and /var/mail of the scripts are copies in a mount namespace that ends with each request (root only).
local crypto_ok, taint = pcall(require, "neap.core.taint")
local Host = {}
Host.__index = Host

local function write(path, bytes)
  local f = assert(io.open(path, "wb"))
  assert(f:write(bytes))
  f:close()
end

local function read(path)
  local f = io.open(path, "rb")
  if not f then return nil end
  local bytes = f:read("a")
  f:close()
  return bytes
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function capture(command)
  local pipe = assert(io.popen(command, "r"))
  local out = pipe:read("a")
  pipe:close()
  return (out:gsub("%s+$", ""))
end

--- The shells of this machine that hosts may have.
function Host.shells()
  local found = {}
  for _, shell in ipairs { "dash", "bash", "busybox sh" } do
    if os.execute("command -v " .. shell:match("^%S+") .. " >/dev/null") then found[#found + 1] = shell end
  end
  return found
end

function Host.is_root() return capture("id -u") == "0" end

-- What useradd, su and the tools need of /etc.
local COPIED = "passwd group shadow gshadow subuid subgid login.defs default skel pam.d security nsswitch.conf " ..
  "shells alternatives ld.so.cache sysctl.d hostname"

--- Whether private namespaces can be had here.
function Host.can_be_private()
  return os.execute("unshare -mu sh -c 'mount -t tmpfs none /mnt' 2>/dev/null") == true
end

--- A host with a scratch directory of its own.
-- @param options { shell = "dash", private = bool }
function Host.new(options)
  local dir = capture("mktemp -d -p \"$(test -w /dev/shm && echo /dev/shm || echo /tmp)\" neap-test.XXXXXX")
  local self = setmetatable({
    dir = dir .. "/tree", wire = dir .. "/wire", top = dir, shell = options.shell or "dash", private = options.private,
  }, Host)
  assert(os.execute(("mkdir %s %s && chmod 755 %s"):format(self.dir, self.wire, dir)))
  if self.private then
    local copy = "cd %s && mkdir home mail etc && cd /etc && cp -a %s %s/etc 2>/dev/null; test -s %s/etc/passwd"
    assert(os.execute(copy:format(dir, COPIED, dir, dir)))
  end
  return self
end

local PRIVATE = [[
set -e
mount --bind "$1/etc" /etc
mount --bind "$1/home" /home
mount --bind "$1/mail" /var/mail
shift
exec "$@"
]]

-- One process for all requests of a flight: each script in a subshell, its streams in files, its status at the end
-- of a list.
local function command_of(self, count)
  local lines = { "cd " .. quoted(self.wire) }
  for i = 1, count do
    lines[i + 1] = ("( . ./script%d ) <stdin%d >out%d 2>err%d; echo $? >>status"):format(i, i, i, i)
  end
  local command = self.shell .. " -c " .. quoted(table.concat(lines, "\n"))
  if self.private then
    command = ("unshare -mu sh -c %s sh %s %s"):format(quoted(PRIVATE), quoted(self.top), command)
  end
  return "exec timeout 100 " .. command
end

--- Runs requests as neap.core.remote's conn:requests does.
function Host:requests(list)
  for i, request in ipairs(list) do
    local stdin = request.stdin or ""
    if crypto_ok and taint.is(stdin) then stdin = taint.reveal(stdin) end
    write(self.wire .. "/script" .. i, request.script:gsub("/var/lib/neap", self.top .. "/neap") .. "\n")
    write(self.wire .. "/stdin" .. i, stdin)
  end
  write(self.wire .. "/status", "")
  os.execute(command_of(self, #list))
  local replies, status = {}, read(self.wire .. "/status"):gmatch("%d+")
  for i in ipairs(list) do
    replies[i] = {
      rc = assert(math.tointeger(tonumber(status())), "a request was killed"), out = read(self.wire .. "/out" .. i),
      err = read(self.wire .. "/err" .. i),
    }
  end
  return replies
end

function Host:request(request) return self:requests({ request })[1] end

--- Runs a script; raises unless it succeeds. What it prints, without the last newline.
function Host:sh(script)
  local r = self:request { script = "set -e\ncd " .. quoted(self.dir) .. "\n" .. script }
  if r.rc ~= 0 then error(("'%s' failed (%d): %s"):format(script, r.rc, r.err), 2) end
  return (r.out:gsub("\n$", ""))
end

function Host:close() os.execute("rm -rf " .. quoted(self.top)) end

return Host
