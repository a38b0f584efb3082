--- How a host is reached: with which options, through what, and what is asked of the operator on the way.
--
-- The command line wins over the inventory, the inventory over ssh_config, that over the defaults. Where somebody sits
-- at a terminal, a host key that no file knows is shown and may be accepted, and the passphrase of a key is asked for
-- when nothing else lets us in: one question at a time, in the order of the hosts.
local certificate = require "neap.engine.certificate"
local facts = require "neap.engine.facts"
local fault = require "neap.engine.fault"
local hostlock = require "neap.engine.hostlock"
local loop = require "neap.core.loop"
local private = require "neap.core.private"
local remote = require "neap.core.remote"
local sh = require "neap.sh"
local sys = require "neap.core.sys"

local approach = {}

local DEFAULT_KEYS = { "id_ed25519", "id_ecdsa", "id_rsa" }
local TRIES = 3

local function exists(path) return sys.stat(path) ~= nil end

local function home_file(name) return (sys.getenv("HOME") or "/root") .. "/" .. name end

local function default_keys()
  local keys = {}
  for _, name in ipairs(DEFAULT_KEYS) do
    local path = home_file(".ssh/" .. name)
    if exists(path) then keys[#keys + 1] = path end
  end
  return keys
end

local function as_list(v)
  if v == nil then return nil end
  return type(v) == "table" and v or { v }
end

local function ssh_config(host)
  local config, message = remote.ssh_config(host.address)
  if not config then fault.raise("unreachable", nil, "host '%s': %s", host.name, message) end
  return config
end

-- ---- through another host ----

-- The command that is the connection when `jumps` ("user@host:port,…") are on the way.
local function through(jumps, options)
  local hops = {}
  for hop in jumps:gmatch("[^,%s]+") do hops[#hops + 1] = hop end
  local last = (table.remove(hops) or ""):gsub("^ssh://", "")
  local user, place = last:match("^(.*)@([^@]*)$")
  place = place or last
  local address, port = place:match("^%[(.*)%]:?(%d*)$")
  if not address then address, port = place:match("^([^:]*):?(%d*)$") end
  if not address or address == "" or address:sub(1, 1) == "-" then
    fault.raise("unreachable", nil, "host '%s': '%s' is no host to jump over", options.name, jumps)
  end
  local words = { "ssh", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3" }
  local function add(...) for _, word in ipairs { ... } do words[#words + 1] = word end end
  if user then add("-l", user) end
  if port ~= "" then add("-p", port) end
  if #hops > 0 then add("-J", table.concat(hops, ",")) end
  add("-W", ("[%s]:%d"):format(options.address, options.port), "--", address)
  return "exec " .. sh.words(words)
end

-- ProxyCommand, with its tokens.
local function expanded(command, options)
  local tokens = { ["%"] = "%", h = options.address, n = options.name, p = tostring(options.port), r = options.user }
  return "exec " .. command:gsub("%%(.)", function(token)
    local value = tokens[token]
    if not value then
      fault.raise("unreachable", nil, "host '%s': ProxyCommand has '%%%s', which neap does not know", options.name,
        token)
    end
    return token == "%" and value or sh.quote(value)
  end)
end

local function proxy_command(config, options)
  if config.proxyjump and config.proxyjump ~= "none" then return through(config.proxyjump, options) end
  if config.proxycommand and config.proxycommand ~= "none" then return expanded(config.proxycommand, options) end
end
approach.proxy_command = proxy_command

--- The options of remote.connect for a host of the inventory.
-- @param holder whose lock is taken on the way, or nil
function approach.options(host, opts, holder)
  local set = host.connection
  local config = ssh_config(host)
  local accept_new = opts.accept_new or config.stricthostkeychecking == "accept-new"
  local options = {
    name = host.name, address = config.hostname or host.address,
    port = opts.port or host.port or config.port or 22,
    user = opts.user or host.user or config.user or sys.getenv("USER") or "root",
    identities = opts.private_key or as_list(set.private_key) or config.identityfile or default_keys(),
    agent = config.identityagent ~= "none", password = opts.password or set.password,
    known_hosts = opts.known_hosts or as_list(set.known_hosts) or config.userknownhostsfile
      or { home_file(".ssh/known_hosts"), "/etc/ssh/ssh_known_hosts" },
    host_key_check = accept_new and "accept-new" or "strict", host_key_alias = config.hostkeyalias,
    become = opts.become or set.become or false, become_user = set.become_user or "root",
    become_password = opts.become_password or set.become_password,
    connect_timeout_ms = (opts.timeout or 10) * 1000,
    prologue = hostlock.prologue(facts.script, holder), prologue_here = holder ~= nil,
  }
  options.proxy_command = proxy_command(config, options)
  return options
end

-- ---- questions on the way ----

local function may_ask(self) return not self.opts.json and sys.isatty(0) end

-- Waits for the hosts before this one that are on their way, too: their questions come first.
local function wait_turn(self, host)
  for _, other in ipairs(self.hosts) do
    if other == host then break end
    if other.on_its_way then other.on_its_way:wait() end
  end
  self.ui:done()
end

local function answered(answer, message, code)
  if not answer then fault.raise(code == "interrupted" and code or "usage", nil, "%s", message) end
  return answer
end

-- Whether the operator trusts the key that an unknown host shows.
local function trusts(self, host, options, key)
  wait_turn(self, host)
  local text = ("host '%s' (%s) is not known; its key is %s %s\ntrust it and write it down? (yes/no/fingerprint) ")
    :format(host.name, options.address, key.type, key.fingerprint)
  while true do
    local answer = answered(sys.prompt(text)):match("^%s*(.-)%s*$")
    if answer == "yes" or answer == key.fingerprint then return true end
    if answer == "no" or answer == "" then return false end
    text = "please say yes or no, or type the fingerprint: "
  end
end

-- Whether one of the keys could be decrypted.
local function unlocks(self, host, options)
  for _, path in ipairs(options.identities) do
    if remote.locked_key(path) then
      wait_turn(self, host)
      for _ = 1, TRIES do
        if not remote.locked_key(path) then return true end -- for another host, meanwhile
        local passphrase = answered(private.prompt(("passphrase of '%s': "):format(path), "passphrase"))
        local ok, message = remote.unlock_key(path, passphrase)
        if ok then return true end
        self.ui:err(message)
      end
    end
  end
  return false
end

-- Connects; where an authority may vouch for a key that is not known, asks for the host's certificate.
local function connect(host, options)
  local conn, message, code, key = remote.connect(options)
  if code == "hostkey" and key and key.authorities ~= "" then
    local certified, why = certificate.check(options, key)
    if certified then
      host.certified = certified
      for name, value in pairs(certified) do options[name] = value end
      conn, message, code, key = remote.connect(options)
    else
      message = ("%s (its certificate: %s)"):format(message, why)
    end
  end
  return conn, message, code, key
end

local function persuade(self, host, options)
  local unlocked = false
  while true do
    local conn, message, code, key = connect(host, options)
    if conn or not may_ask(self) then return conn, message, code end
    if code == "hostkey" and key and not key.other and not options.accept_key then
      if not trusts(self, host, options, key) then return nil, message, code end
      options.accept_key = key.fingerprint
    elseif code == "auth" and not unlocked and unlocks(self, host, options) then
      unlocked = true
    else
      return nil, message, code
    end
  end
end

--- Connects to a host of a session: connection | nil, message, code.
function approach.connect(self, host, options)
  host.on_its_way = loop.event()
  local ok, conn, message, code = pcall(persuade, self, host, options)
  host.on_its_way:set(true)
  host.on_its_way = nil
  if not ok then error(conn, 0) end
  return conn, message, code
end

return approach
