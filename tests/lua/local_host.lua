--- A host that is this machine: requests run in a shell of its own, the way the shell on a managed host runs them,
-- for tests that want to see a type's scripts at work. What they touch lies in a scratch directory; with `private`,
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
  return os.execute("unshare -m sh -c 'mount -t tmpfs none /mnt' 2>/dev/null") == true
end

--- A host with a scratch directory of its own.
-- @param options { shell = "dash", private = bool }
function Host.new(options)
  local dir = capture("mktemp -d -p \"$(test -w /dev/shm && echo /dev/shm || echo /tmp)\" neap-test.XXXXXX")
  local self = setmetatable({
    dir = dir .. "/tree", wire = dir .. "/wire", top = dir, shell = options.shell or "dash", private = options.private,
    requests_made = 0,
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

local function command_of(self)
  local inner = ("s=$(cat %s/script); ( eval \"$s\n\" ) <%s/stdin"):format(self.wire, self.wire)
  local command = self.shell .. " -c " .. quoted(inner)
  if self.private then
    command = ("unshare -m sh -c %s sh %s %s"):format(quoted(PRIVATE), quoted(self.top), command)
  end
  return ("timeout 60 %s >%s/out 2>%s/err"):format(command, self.wire, self.wire)
end

--- Runs one request as neap.core.remote's conn:request does.
function Host:request(request)
  local stdin = request.stdin or ""
  if crypto_ok and taint.is(stdin) then stdin = taint.reveal(stdin) end
  write(self.wire .. "/script", request.script)
  write(self.wire .. "/stdin", stdin)
  self.requests_made = self.requests_made + 1
  local _, how, status = os.execute(command_of(self))
  if how == "signal" then status = 128 + status end
  return { rc = status, out = read(self.wire .. "/out"), err = read(self.wire .. "/err") }
end

function Host:requests(list)
  local replies = {}
  for i, request in ipairs(list) do replies[i] = self:request(request) end
  return replies
end

--- Runs a script; raises unless it succeeds. What it prints, without the last newline.
function Host:sh(script)
  local r = self:request { script = "set -e\ncd " .. quoted(self.dir) .. "\n" .. script }
  if r.rc ~= 0 then error(("'%s' failed (%d): %s"):format(script, r.rc, r.err), 2) end
  return (r.out:gsub("\n$", ""))
end

function Host:close() os.execute("rm -rf " .. quoted(self.top)) end

return Host
