-- ssh_config: read as ssh(1) reads it, which is asked with `ssh -G`.
local t = require "harness"
local remote = require "neap.core.remote"

local function output(command)
  local p = assert(io.popen(command))
  local text = p:read("a")
  p:close()
  return text
end

local dir = output("mktemp -d"):gsub("\n", "")
local home = output("getent passwd \"$(id -u)\" | cut -d: -f6"):gsub("\n", "")

local function write(name, text)
  local f = assert(io.open(dir .. "/" .. name, "w"))
  f:write(text)
  f:close()
  return dir .. "/" .. name
end

-- `ssh -G` shows some paths as they were written.
local function in_home(path) return (path:gsub("^~/", home .. "/")) end

local function by_ssh(host, path)
  local found = { identityfile = {}, userknownhostsfile = {}, globalknownhostsfile = {} }
  for line in output("ssh -G -F " .. path .. " -- '" .. host .. "' 2>&1"):gmatch("[^\n]+") do
    local name, value = line:match("^(%S+) (.*)$")
    local list = found[name]
    if name == "identityfile" then
      list[#list + 1] = in_home(value)
    elseif list then
      for word in value:gmatch("%S+") do list[#list + 1] = in_home(word) end
    elseif name then
      found[name] = value
    end
  end
  return found
end

local function compare(host, path)
  local ours, theirs = assert(remote.ssh_config(host, path)), by_ssh(host, path)
  local user = output("id -un"):gsub("\n", "")
  local what = "for '" .. host .. "': "
  t.equal(ours.hostname:lower(), theirs.hostname, what .. "hostname")
  t.equal(tostring(ours.port or 22), theirs.port, what .. "port")
  t.equal(ours.user or user, theirs.user, what .. "user")
  t.equal(ours.identitiesonly and "yes" or "no", theirs.identitiesonly, what .. "identitiesonly")
  t.equal(ours.proxyjump, theirs.proxyjump, what .. "proxyjump")
  t.equal(ours.proxycommand, theirs.proxycommand, what .. "proxycommand")
  t.equal(ours.hostkeyalias, theirs.hostkeyalias, what .. "hostkeyalias")
  t.equal(tostring(ours.connecttimeout or "none"), theirs.connecttimeout, what .. "connecttimeout")
  local strict = { yes = "true", no = "false", off = "false" }
  local ours_strict = ours.stricthostkeychecking or "ask"
  t.equal(strict[ours_strict] or ours_strict, theirs.stricthostkeychecking, what .. "stricthostkeychecking")
  for _, name in ipairs { "identityfile", "userknownhostsfile", "globalknownhostsfile" } do
    if ours[name] then t.equal(ours[name], theirs[name], what .. name) end
  end
end

write("more.conf", "User included\nHost inner\n  Port 77\nHost *\n  IdentityFile /keys/more\n")
write("glob1.conf", "ConnectTimeout 3\n")
write("glob2.conf", "ConnectTimeout 4\n")

-- a text of ssh_config, and the hosts to ask it about
local cases = {
  { "nothing", "", { "a", "10.0.0.1" } },
  { "the first value holds", "Port 1\nPort 2\nHost a\n Port 3\n", { "a" } },
  { "blocks", "Host a\n User x\n Port 9\nHost b c\n User y\nHost *\n User z\n Port 10\n", { "a", "b", "c", "d" } },
  { "patterns", "Host web* !web2\n User w\nHost ???\n User three\nHost *.d.e\n User de\n", { "web1", "web2", "abc", "x.d.e", "d.e" } },
  { "a negation alone matches nothing", "Host !a\n User x\n", { "a", "b" } },
  { "the order of a negation does not matter", "Host !web2 web*\n User w\n", { "web1", "web2" } },
  { "letters of names matter", "Host Web\n User w\n", { "web", "Web" } },
  { "names and signs", "HOST = a\n\tport=99\n  hOsTnAmE\t=\t\"b.example\"\n#comment\n   # more\nUser \"x\" # why\n", { "a" } },
  { "hostname with a token", "Host a b\n HostName %h.example.org\nHost c\n HostName 100%%\n", { "a", "b", "c" } },
  { "identities add up, once each", "IdentityFile ~/.ssh/one\nHost a\n IdentityFile /k/two\n IdentityFile ~/.ssh/one\n", { "a", "b" } },
  { "lists of known_hosts", "UserKnownHostsFile /a/1 /a/2\nUserKnownHostsFile /b\nGlobalKnownHostsFile /g \"/h\"\n", { "a" } },
  { "checks", "Host a\n StrictHostKeyChecking accept-new\nHost b\n StrictHostKeyChecking no\nHost c\n StrictHostKeyChecking yes\n", { "a", "b", "c", "d" } },
  { "flags hold at their first word", "IdentitiesOnly no\nIdentitiesOnly yes\n", { "a" } },
  { "aliases and proxies", "Host a\n HostKeyAlias the-key\n ProxyJump u@j:23\nHost b\n ProxyJump none\n", { "a", "b" } },
  { "commands, whole, with what is the shell's own", "Host a\n ProxyCommand ssh -W %h:%p gw\nHost b\n proxycommand = \"x y\" 'z' | # \t\r\n"
    .. "Host c\n ProxyCommand none\nHost d\n ProxyCommand one\n ProxyJump j\n", { "a", "b", "c", "d" } },
  { "times", "Host a\n ConnectTimeout 90\nHost b\n ConnectTimeout 1m30s\nHost c\n ConnectTimeout 2H\nHost d\n ConnectTimeout none\n",
    { "a", "b", "c", "d" } },
  { "Match all", "Host a\n User x\nMatch all\n Port 5\n", { "a", "b" } },
  { "Include of one file, and its blocks", "Include " .. dir .. "/more.conf\nPort 3\nUser late\n", { "inner", "outer" } },
  { "Include inside of a block", "Host a\n Include " .. dir .. "/more.conf\n Port 4\nHost inner\n Port 5\n", { "a", "inner", "b" } },
  { "Include of many, and of none", "Include " .. dir .. "/glob*.conf /nowhere/x\n", { "a" } },
  { "an end without a newline", "Port 8", { "a" } },
  { "lines of Windows", "Port 8\r\nHost a\r\n User x\r\n", { "a" } },
  { "words that we do not know", "Compression yes\nForwardAgent no\nPort 8\n", { "a" } },
}

for _, case in ipairs(cases) do
  t.case(case[1], function()
    local path = write("config", case[2])
    for _, host in ipairs(case[3]) do compare(host, path) end
  end)
end

t.case("tokens in paths", function()
  local path = write("config", "Host a\n HostName b\n Port 9\n User u\n IdentityFile ~/%h-%n-%p-%r-%%\n IdentityFile ${HOME}/x\n"
    .. " UserKnownHostsFile %d/kh\n")
  local c = remote.ssh_config("a", path)
  t.equal(c.identityfile, { home .. "/b-a-9-u-%", (os.getenv("HOME") or "") .. "/x" })
  t.equal(c.userknownhostsfile, { home .. "/kh" })
end)

t.case("a Match block is skipped with a word", function()
  local path = write("config", "Match host a exec \"true\"\n User x\nHost *\n Port 7\n")
  local c = remote.ssh_config("a", path)
  t.equal({ c.user, c.port, c.skipped }, { nil, 7, { path .. ":1: a Match block is not read" } })
end)

t.case("errors name file and line", function()
  for text, pattern in pairs {
    ["\nPort x\n"] = "config:2: this is no number that fits: 'x'",
    ["Port 65536\n"] = "config:1: this is no number",
    ["User \"x\n"] = "config:1: quotes",
    ["ConnectTimeout 5x\n"] = "config:1: this is no time: '5x'",
    ["ConnectTimeout 9w\n"] = "config:1: this time is too long",
    ["ProxyCommand =\n"] = "config:1: no value for 'proxycommand'",
    ["Port\n"] = "config:1: no value for 'port'",
  } do
    local c, message, code = remote.ssh_config("a", write("config", text))
    t.equal({ c, code }, { nil, "parse" })
    t.matches(message, pattern)
  end
  local path = write("config", "")
  t.equal(select(3, remote.ssh_config("a", path .. "/nowhere")), "io")
  write("config", "Include " .. path .. "\n")
  t.matches(select(2, remote.ssh_config("a", path)), "too many levels of Include")
end)

os.execute("rm -rf " .. dir)
