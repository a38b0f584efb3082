--- Cases against the sshd that tests/ssh/sshd runs; NEAP_SSHD is its directory.
local t = require "harness"
local loop, remote = require "neap.core.loop", require "neap.core.remote"
local s = { dir = assert(os.getenv("NEAP_SSHD"), "run me by way of tests/ssh/run") }

local function first_line(name)
  for line in io.lines(s.dir .. "/" .. name) do return line end
end
s.port = math.tointeger(tonumber(first_line("port")))

local there = {}
for user in io.lines(s.dir .. "/users") do there[user] = true end
s.is_root = there.root

--- Those of `names` that can log in here: all for root, else the one who runs this.
function s.users(names)
  local found = {}
  for _, name in ipairs(names) do
    if there[name] then found[#found + 1] = name end
  end
  if not s.is_root then found[1] = first_line("users") end
  return found
end

--- Options that work, with `changes` made; false removes one.
function s.options(changes)
  local options = {
    name = "web1", address = "127.0.0.1", port = s.port, user = s.is_root and "dash" or first_line("users"),
    identities = { s.dir .. "/id_ed25519" }, known_hosts = { s.dir .. "/known_hosts" }, agent = false,
    connect_timeout_ms = 60000, auth_timeout_ms = 60000,
  }
  for k, v in pairs(changes or {}) do
    if v == false then options[k] = nil else options[k] = v end
  end
  return options
end

--- Runs `fn` as a task, an error in it an error here.
function s.task(fn)
  local results = table.pack(loop.run(fn))
  if not results[1] then error(results[2], 2) end
  return table.unpack(results, 2, results.n)
end

--- conn | nil, message, code
function s.connect(changes)
  return s.task(function() return remote.connect(s.options(changes)) end)
end

--- A case whose `fn` gets a connection of its own.
function s.case(name, changes, fn)
  t.case(name, function()
    s.task(function()
      local conn <close> = assert(remote.connect(s.options(changes)))
      fn(conn)
    end)
  end)
end

local shared = {}

--- A case whose `fn` gets the connection that all such cases of `user` share.
function s.shared_case(user, name, fn)
  t.case(user .. ": " .. name, function()
    s.task(function()
      shared[user] = shared[user] or assert(remote.connect(s.options { user = user }))
      fn(shared[user])
    end)
  end)
end

function s.write(name, text)
  local f = assert(io.open(s.dir .. "/" .. name, "w"))
  f:write(text)
  f:close()
  return s.dir .. "/" .. name
end

function s.read(name)
  local f = io.open(s.dir .. "/" .. name)
  local text = f and f:read("a")
  if f then f:close() end
  return text
end

--- Runs Lua code in a process of its own, with s, loop and remote at hand.
-- @return { pid, out = what it printed so far, status = its exit status and a newline, nil while it runs }
function s.start(code)
  local path = s.write("child.lua", [[
    package.path = os.getenv("NEAP_TESTS") .. "/ssh/?.lua;" .. os.getenv("NEAP_TESTS") .. "/lua/?.lua;" .. package.path
    local s, loop, remote = require "ssh_host", require "neap.core.loop", require "neap.core.remote"
    io.stdout:setvbuf("line")
  ]] .. code)
  s.shell("rm -f " .. s.dir .. "/child.*.txt")
  local run = os.getenv("NEAP_LUA") .. " " .. path .. " >" .. s.dir .. "/child.out.txt 2>&1"
  local pid = s.shell("(" .. run .. "; echo $? >" .. s.dir .. "/child.status.txt) >/dev/null & "
    .. "sleep 0.05; pgrep -n -P $!"):match("%d+")
  return {
    pid = pid, out = function() return s.read("child.out.txt") end,
    status = function() return s.read("child.status.txt") end,
  }
end

--- Output of a command on this machine.
function s.shell(command)
  local p = assert(io.popen(command))
  local out = p:read("a")
  p:close()
  return out
end

return s
