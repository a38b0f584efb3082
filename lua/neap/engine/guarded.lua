--- What can cut the controller off, as data; and which changes of a plan stand under one guard.
--
-- A rule names paths (`*` within a part, `**` over parts, `~` the home of the user that Neap logs in as) and services.
-- `units` are told to read again when a file of the rule goes back, `words` say what the program thinks of what is
-- there, `save` is what else is kept before and brought back after.
local RULES = {
  {
    paths = {
      "/etc/ssh", "/etc/ssh/**", "/etc/default/ssh", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/dropbear", "~/.ssh",
      "~/.ssh/**", "/etc/dropbear/**", "/run/sshd", "/etc/systemd/system/ssh*", "/etc/systemd/system/ssh*/**",
      "**/.ssh/authorized_keys*", "~",
    },
    services = { "ssh", "sshd", "ssh.socket", "dropbear" },
    units = { "ssh.service", "sshd.service" },
    words = "command -v sshd && sshd -t",
  },
  {
    paths = { "/etc/nftables*", "/etc/nftables*/**", "/etc/ufw/**", "/etc/firewalld/**", "/etc/iptables/**" },
    services = { "nftables", "ufw", "firewalld", "netfilter-persistent", "iptables" },
    words = "[ ! -f /etc/nftables.conf ] || nft -c -f /etc/nftables.conf",
    save = "ruleset",
  },
  {
    paths = { "/etc/network", "/etc/network/**", "/etc/systemd/network", "/etc/systemd/network/**", "/etc/netplan/**" },
    services = { "networking", "systemd-networkd", "NetworkManager" },
    words = "ip -o addr show; ip route show",
  },
  {
    paths = { "/etc/sudoers*", "/etc/sudoers*/**", "/etc/doas.conf" },
    words = "command -v visudo && visudo -c",
  },
  { paths = { "/etc/pam.d", "/etc/pam.d/**", "/etc/pam.conf", "/etc/security/**", "/etc/nsswitch.conf" } },
  { paths = { "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/shells", "/etc/nologin" } },
  -- what a shell that sshd starts reads, or is started by
  {
    paths = {
      "~/.bashrc", "~/.zshenv", "~/.pam_environment", "/etc/bash.bashrc", "/etc/zsh/zshenv", "/etc/environment",
      "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d/**", "/bin/sh", "/usr/bin/sh", "/bin/bash",
      "/usr/bin/bash", "/usr/bin/sudo", "/etc", "/home",
    },
  },
}
-- Kernel parameters that decide whether a packet of ours is taken.
local PARAMETERS = "^net[./]ipv[46][./]conf[./]"

-- Groups that may stand in sudoers, or that sshd may ask for.
local GROUPS = { sudo = true, wheel = true, admin = true, adm = true, root = true, ssh = true, sshusers = true }

local fault = require "neap.engine.fault"

local guarded = {}

local function matches(path, pattern, home)
  pattern = pattern:gsub("^~", (home:gsub("%%", "%%%%")))
  local lua = pattern:gsub("[%^%$%(%)%%%.%[%]%+%-%?]", "%%%0"):gsub("%*%*", "\1"):gsub("%*", "[^/]*"):gsub("\1", ".*")
  return path:find("^" .. lua .. "$") ~= nil
end

local function service_name(key) return (key:gsub("%.service$", "")) end

local function home_of(login) return login == "root" and "/root" or "/home/" .. login end

--- The paths that a change writes.
function guarded.paths(change)
  local resource = change.resource
  local attrs = change.to or change.from or resource.attrs
  if resource.rtype.paths then return resource.rtype.paths(resource.key, attrs) end
  if resource.key:find("^/") then return { resource.key } end
  if resource.type == "authorized_key" then
    return { change.from and change.from.path or home_of(attrs.user or "") .. "/.ssh/authorized_keys" }
  end
  return { type(attrs.path) == "string" and attrs.path or nil }
end

local function rule_of(change, login)
  local resource = change.resource
  for _, rule in ipairs(RULES) do
    for _, service in ipairs(resource.type == "service" and rule.services or {}) do
      if service_name(resource.key) == service then return rule end
    end
    for _, path in ipairs(guarded.paths(change)) do
      for _, pattern in ipairs(rule.paths) do
        if matches(path, pattern, home_of(login)) then return rule end
      end
    end
  end
end

-- Types that are told by their key, or whom they are about.
local KEYED = {}
function KEYED.user(resource, login) return resource.key == login end
function KEYED.group(resource, login) return GROUPS[resource.key] or resource.key == login end
function KEYED.sysctl(resource) return resource.key:find(PARAMETERS) ~= nil and resource.attrs.live ~= false end
function KEYED.authorized_key(resource, login) return resource.attrs.user == login end

--- Whether a change can cut us off, who log in as `login`; and the rule that says so, if one does.
function guarded.is(change, login)
  local resource = change.resource
  local said = resource.meta.guard
  if said == false then return false end
  local rule = rule_of(change, login)
  local keyed = KEYED[resource.type]
  return said or rule ~= nil or keyed ~= nil and keyed(resource, login) or false, rule
end

-- Whether the change of a user is one after which nobody logs in as him.
local function closes(change)
  return change.kind == "delete" or change.differs.disabled and change.to.disabled
end

--- What a plan must not do, though it could be taken back: the user that we log in as is neither removed nor closed.
-- @param login_of function() -> name of that user
-- @return list of faults
function guarded.refusals(changes, login_of)
  local list = {}
  for _, change in ipairs(changes) do
    local resource = change.resource
    local refused = resource.type == "user" and resource.meta.guard ~= false and closes(change)
    if refused and resource.key == login_of() then
      list[#list + 1] = fault.new("failed", resource.where, "%s: Neap logs in as '%s', who is not taken away: log in "
        .. "as another user (-u), or say guard = false on it", change.id, resource.key)
    end
  end
  return list
end

local function names(list, ids)
  for _, id in ipairs(list or {}) do
    if ids[id] then return true end
  end
  return false
end

-- A change that another one causes (a restart) belongs to it; the members of a transaction belong together.
local function belongs(change, window)
  return names(change.because, window.ids) or change.batch ~= nil and change.batch == window.batch
end

-- The last of `changes` that belongs to the window.
local function reach(changes, window)
  for i = window.last + 1, #changes do
    if belongs(changes[i], window) then
      window.ids[changes[i].id], window.last = true, i
      window.causes[#window.causes + 1] = changes[i]
    end
  end
end

local function open(changes, i)
  local window = { first = i, last = i, ids = {}, members = {}, causes = {} }
  while window.first > 1 and changes[i].batch and changes[window.first - 1].batch == changes[i].batch do
    window.first = window.first - 1
  end
  return window
end

local function add(changes, window, i, rule)
  local change = changes[i]
  window.ids[change.id], window.batch = true, change.batch
  window.members[#window.members + 1] = { change = change, rule = rule }
  window.last = math.max(window.last, i)
  reach(changes, window)
end

--- The windows of a plan: runs of guarded changes with what they cause, in order.
-- @return list of { first, last (indices), members = { { change, rule } … },
--   causes = { changes that members cause }, ids = { [id] = true } }
function guarded.windows(changes, login)
  local windows, window = {}, nil
  for i, change in ipairs(changes) do
    local is, rule = guarded.is(change, login)
    if is then
      if not window or i > window.last + 1 then
        window = open(changes, i)
        windows[#windows + 1] = window
      end
      add(changes, window, i, rule)
    end
  end
  return windows
end

return guarded
