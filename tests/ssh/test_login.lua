-- Who the host is and who we are: host keys, identities, passwords, the agent, sudo.
local t = require "harness"
local s = require "ssh_host"

local function key(type)
  local kind, base64 = s.read("hostkey_" .. type .. ".pub"):match("^(%S+) (%S+)")
  return kind .. " " .. base64
end

local function fingerprint(file)
  return s.shell("ssh-keygen -lf " .. s.dir .. "/" .. file):match("SHA256:%S+")
end

--- Options, with a known_hosts of this text.
local function knowing(text, changes)
  local options = { known_hosts = { s.write("kh", text) } }
  for k, v in pairs(changes or {}) do options[k] = v end
  return options
end

local here = "[127.0.0.1]:" .. s.port

local function works(changes)
  local conn, message = s.connect(changes)
  if not conn then error(message, 2) end
  conn:close()
end

local function fails(changes, code, ...)
  local conn, message, found = s.connect(changes)
  if conn then error("it connects", 2) end
  t.equal(found, code, "code of '" .. message .. "'")
  t.truthy(message:find("^host 'web1': "), "no host in: " .. message)
  for _, pattern in ipairs { ... } do t.matches(message, pattern) end
end

-- ---- host keys ----

t.case("the host is asked for the type of key that is known", function()
  for _, type in ipairs { "ed25519", "ecdsa", "rsa" } do works(knowing(here .. " " .. key(type) .. "\n")) end
end)

t.case("an unknown host is refused, with its fingerprint", function()
  fails(knowing(""), "hostkey", "no key of '%[127.0.0.1%]:" .. s.port .. "'", (fingerprint("hostkey_ed25519.pub"):gsub("%p", "%%%0")))
  fails({ known_hosts = { s.dir .. "/nowhere" } }, "hostkey", "no key of")
end)

t.case("another port is another host; the name alone will do, as it does for OpenSSH", function()
  fails(knowing("[127.0.0.1]:1 " .. key("ed25519") .. "\n"), "hostkey", "no key of")
  works(knowing("127.0.0.1 " .. key("rsa") .. "\n"))
  fails(knowing("127.0.0.1 " .. s.read("id_foreign.pub"):match("^%S+ %S+") .. "\n"), "hostkey", "no key of")
end)

t.case("a wrong key is refused, with place, fingerprints and remedy", function()
  local foreign = s.read("id_foreign.pub"):match("^%S+ %S+")
  local function quoted(text) return (text:gsub("%p", "%%%0")) end
  fails(knowing("# comment\n\n" .. here .. " " .. foreign .. "\n"), "hostkey", "kh:3 has ssh%-ed25519 ",
    quoted(fingerprint("id_foreign.pub")), quoted(fingerprint("hostkey_ed25519.pub")), "ssh%-keygen %-R")
  fails(knowing(here .. " " .. foreign .. "\n", { host_key_check = "accept-new" }), "hostkey", "wrong host key")
end)

t.case("an old key beside the right one does no harm", function()
  works(knowing(here .. " " .. s.read("id_foreign.pub"):match("^%S+ %S+") .. "\n" .. here .. " " .. key("ed25519") .. "\n"))
end)

t.case("a host may go by another name in known_hosts", function()
  works(knowing("the-key " .. key("ed25519") .. "\n", { host_key_alias = "the-key" }))
  fails(knowing(here .. " " .. key("ed25519") .. "\n", { host_key_alias = "the-key" }), "hostkey", "no key of 'the%-key'")
end)

t.case("hashed names, patterns and several files", function()
  s.write("hashed", "other " .. key("rsa") .. "\n" .. here .. " " .. key("ed25519") .. "\n")
  s.shell("ssh-keygen -q -H -f " .. s.dir .. "/hashed 2>/dev/null")
  t.truthy(not s.read("hashed"):find("127"), "it is not hashed")
  works { known_hosts = { s.dir .. "/nowhere", s.dir .. "/hashed" } }
  works(knowing("[127.*]:" .. s.port .. ",!other " .. key("ed25519") .. "\n"))
  fails(knowing("[127.*]:" .. s.port .. ",!" .. here .. " " .. key("ed25519") .. "\n"), "hostkey", "no key of")
end)

t.case("a revoked key is refused, wherever it also stands", function()
  fails(knowing(here .. " " .. key("ed25519") .. "\n@revoked * " .. key("ed25519") .. "\n"), "hostkey", "revoked in .*kh:2")
  fails(knowing("@revoked 127.0.0.1 " .. key("ed25519") .. "\n", { host_key_check = "accept-new" }), "hostkey",
    "revoked in .*kh:1")
end)

t.case("a @cert-authority vouches for no key, and is told of", function()
  local authority = "@cert-authority * " .. key("ed25519") .. "\n"
  fails(knowing(authority), "hostkey", "no key of")
  fails(knowing(authority, { host_key_check = "accept-new" }), "hostkey", "no key of")
  local _, _, _, unknown = s.connect(knowing(authority .. here .. " " .. s.read("id_foreign.pub")))
  t.equal({ unknown.authorities, unknown.other }, { key("ed25519") .. "\n", true })
end)

t.case("a type of key that the host has not got", function()
  fails(knowing(here .. " ecdsa-sha2-nistp521 AAAA\n"), "hostkey", "no host key of the types")
end)

t.case("accept-new writes a new host down, with mode 0600, and then knows it", function()
  s.shell("rm -rf " .. s.dir .. "/new")
  local path = s.dir .. "/new/known_hosts"
  works { known_hosts = { path }, host_key_check = "accept-new" }
  t.equal(s.read("new/known_hosts"), here .. " " .. key("ed25519") .. "\n")
  t.equal(s.shell("stat -c %a " .. path .. " " .. s.dir .. "/new"), "600\n700\n")
  works { known_hosts = { path } }
  works { known_hosts = { path }, host_key_check = "accept-new" }
  t.equal(s.read("new/known_hosts"), here .. " " .. key("ed25519") .. "\n")
end)

t.case("accept-new appends to a file that lacks its last newline", function()
  works(knowing("other ssh-rsa AAAA", { host_key_check = "accept-new" }))
  t.equal(s.read("kh"), "other ssh-rsa AAAA\n" .. here .. " " .. key("ed25519") .. "\n")
end)

t.case("an unknown key comes with the refusal, and may be accepted by its fingerprint alone", function()
  local shown = fingerprint("hostkey_ed25519.pub")
  local conn, _, code, unknown = s.connect(knowing(""))
  t.equal({ conn, code }, { nil, "hostkey" })
  t.equal(unknown, { name = here, type = "ssh-ed25519", fingerprint = shown, authorities = "", other = false })
  fails(knowing("", { accept_key = fingerprint("id_foreign.pub") }), "hostkey", "no key of")
  t.equal(s.read("kh"), "")
  works(knowing("", { accept_key = shown }))
  t.equal(s.read("kh"), here .. " " .. key("ed25519") .. "\n")
  t.equal(select(4, s.connect(knowing(here .. " " .. s.read("id_foreign.pub"):match("^%S+ %S+") .. "\n"))).other, true)
end)

t.case("who is let in is who OpenSSH lets in", function()
  local foreign, own = s.read("id_foreign.pub"):match("^%S+ %S+"), key("ed25519")
  s.write("hashed", here .. " " .. own .. "\n")
  s.shell("ssh-keygen -q -H -f " .. s.dir .. "/hashed 2>/dev/null")
  for _, text in ipairs {
    here .. " " .. own, "x," .. here .. " " .. own .. " comment", "127.0.0.1 " .. own, "[127.0.0.1]:1 " .. own, s.read("hashed"),
    "[127.0.0.?]:" .. s.port .. " " .. own, "*,!" .. here .. " " .. own, "!x,* " .. own, "# " .. here .. " " .. own,
    here .. " " .. foreign, here .. " " .. foreign .. "\n" .. here .. " " .. own, "  " .. here .. "\t" .. own,
    here .. " " .. own .. "\n@revoked * " .. own, here .. " " .. own .. "\n@revoked other " .. own,
    "@revoked " .. here .. " " .. foreign .. "\n" .. here .. " " .. own, "@cert-authority * " .. own,
    "@cert-authority * " .. foreign .. "\n" .. here .. " " .. own, here .. " ssh-ed25519 damaged", here, "",
    here .. " " .. own:gsub("ssh%-ed25519", "ssh-rsa"), "@unknown " .. here .. " " .. own,
  } do
    local changes = knowing(text .. "\n")
    local user = s.options().user
    local theirs = s.shell(("ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=%s "
      .. "-o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i %s/id_ed25519 -p %d %s@127.0.0.1 true "
      .. ">/dev/null 2>&1; echo $?"):format(changes.known_hosts[1], s.dir, s.port, user)) == "0\n"
    local conn, message = s.connect(changes)
    t.equal(conn ~= nil, theirs, "with '" .. text .. "' (" .. tostring(message) .. "): connecting")
    if conn then conn:close() end
  end
end)

-- ---- through something else ----

local function jump()
  return ("ssh -F none -o BatchMode=yes -o UserKnownHostsFile=%s/known_hosts -o IdentitiesOnly=yes -i %s/id_ed25519 -p %d "
    .. "-W '[127.0.0.1]:%d' %s@127.0.0.1"):format(s.dir, s.dir, s.port, s.port, s.options().user)
end

t.case("a host behind another one", function()
  local conn = assert(s.connect { proxy_command = "exec " .. jump() })
  local data = ("x\0"):rep(500000)
  t.equal(s.task(function() return conn:request({ script = "cat", stdin = data }).out == data end), true)
  conn:close()
  works { proxy_command = "echo grumble >&2; exec " .. jump() }
end)

t.case("a way that leads nowhere", function()
  fails({ proxy_command = "echo 'no way today' >&2; exit 1" }, "unreachable", "no way today")
  fails({ proxy_command = "exec sleep 20", connect_timeout_ms = 300 }, "timeout", "no end of the key exchange in 300 ms")
  fails({ proxy_command = "echo hello; sleep 1" }, "unreachable", "no SSH with")
end)

t.case("the command for a jump", function()
  local approach = require "neap.engine.approach"
  local options = { name = "web1", address = "10.0.0.5", port = 22, user = "ops" }
  local function command(config) return approach.proxy_command(config, options) end
  local ssh = "exec ssh -o 'BatchMode=yes' -o 'ServerAliveInterval=10' -o 'ServerAliveCountMax=3' "
  t.equal(command { proxyjump = "bastion" }, ssh .. "-W '[10.0.0.5]:22' -- bastion")
  t.equal(command { proxyjump = "a@first,ssh://b@last:2222" }, ssh .. "-l b -p 2222 -J a@first -W '[10.0.0.5]:22' -- last")
  t.equal(command { proxyjump = "[2001:db8::1]:22" }, ssh .. "-p 22 -W '[10.0.0.5]:22' -- 2001:db8::1")
  t.equal(command { proxycommand = "nc -X 5 %h %p # %r %n %%" }, "exec nc -X 5 10.0.0.5 22 # ops web1 %")
  t.equal({ command { proxyjump = "none" }, command { proxycommand = "none" }, command {} }, {})
  t.raises(function() command { proxyjump = "-oProxyCommand=evil" } end, "is no host to jump over")
  t.raises(function() command { proxycommand = "nc %x" } end, "has '%%x', which neap does not know")
end)

-- ---- identities ----

t.case("a key with a passphrase", function()
  local remote, taint = require "neap.core.remote", require "neap.core.taint"
  local path = s.dir .. "/id_encrypted"
  t.equal(remote.locked_key(path), false) -- nobody has tried it yet
  fails({ identities = { path } }, "auth", "is encrypted")
  t.equal(remote.locked_key(path), true)
  t.equal({ remote.unlock_key(path, taint.new("wrong", "passphrase")) },
    { nil, "this is not the passphrase of the key '" .. path .. "'", "auth" })
  t.equal({ remote.unlock_key(path, taint.new("secret", "passphrase")) }, { true })
  t.equal(remote.locked_key(path), false)
  works { identities = { path } }
end)

-- ---- identities, and what goes wrong with them ----

t.case("keys of each type let in", function()
  for _, type in ipairs { "ed25519", "ecdsa", "rsa" } do works { identities = { s.dir .. "/id_" .. type } } end
end)

t.case("a key with a certificate beside it lets in", function()
  works { identities = { s.dir .. "/id_foreign", s.dir .. "/id_signed" } }
  local remote, taint = require "neap.core.remote", require "neap.core.taint"
  local path = s.dir .. "/id_locked"
  fails({ identities = { path } }, "auth", "is encrypted")
  t.equal({ remote.unlock_key(path, taint.new("secret", "passphrase")) }, { true })
  works { identities = { path } }
end)

t.case("a certificate that does not let in leaves the key itself", function()
  local function key_with(name, key, cert)
    s.shell(("cp %s/%s %s/%s; chmod 600 %s/%s"):format(s.dir, key, s.dir, name, s.dir, name))
    s.write(name .. "-cert.pub", cert)
    return { identities = { s.dir .. "/" .. name } }
  end
  local cert = s.read("id_signed-cert.pub")
  works(key_with("own", "id_ed25519", cert))
  fails(key_with("not_own", "id_foreign", cert), "auth", "tried: certificate of key [^,]*not_own, key [^,]*not_own%)")
  fails(key_with("torn", "id_foreign", "no certificate\n"), "auth", "tried: key [^,]*torn%)")
end)

t.case("the agent shows certificates, too", function()
  local sock = s.dir .. "/agent2"
  s.shell("ssh-agent -a " .. sock .. " sh -c 'ssh-add -q " .. s.dir .. "/id_signed </dev/null; " .. os.getenv("NEAP_LUA") .. " "
    .. s.write("by_certificate.lua", [[
      package.path = os.getenv("NEAP_TESTS") .. "/ssh/?.lua;" .. os.getenv("NEAP_TESTS") .. "/lua/?.lua;" .. package.path
      local s = require "ssh_host"
      local conn, message = s.connect { agent = true, identities = { s.dir .. "/id_foreign" } }
      s.write("by_certificate", conn and "in" or message)
    ]]) .. "'")
  t.equal(s.read("by_certificate"), "in")
end)

t.case("identities are tried in their order", function()
  works { identities = { s.dir .. "/nowhere", s.dir .. "/id_foreign", s.dir .. "/id_ed25519" } }
end)

t.case("what was tried is told", function()
  fails({ identities = { s.dir .. "/nowhere", s.dir .. "/port", s.dir .. "/id_foreign" } }, "auth",
    "does not let us in", "'[^']*nowhere': No such file", "port' is not a private key", "key [^,]*id_foreign")
end)

t.case("the agent signs, also for an encrypted key", function()
  local sock = s.dir .. "/agent"
  s.shell("ssh-agent -a " .. sock .. " sh -c 'DISPLAY=:0 SSH_ASKPASS_REQUIRE=force SSH_ASKPASS=" .. s.write("askpass",
    "#!/bin/sh\necho secret\n") .. "; export DISPLAY SSH_ASKPASS SSH_ASKPASS_REQUIRE; chmod +x $SSH_ASKPASS; ssh-add -q "
    .. s.dir .. "/id_foreign " .. s.dir .. "/id_encrypted </dev/null; "
    .. os.getenv("NEAP_LUA") .. " " .. s.write("by_agent.lua", [[
      package.path = os.getenv("NEAP_TESTS") .. "/ssh/?.lua;" .. os.getenv("NEAP_TESTS") .. "/lua/?.lua;" .. package.path
      local s, loop = require "ssh_host", require "neap.core.loop"
      local f = assert(io.open(s.dir .. "/by_agent", "w"))
      local tasks = {}
      s.task(function()
        for i = 1, 6 do
          tasks[i] = loop.spawn(function()
            local conn, message = require("neap.core.remote").connect(s.options { agent = true, identities = { s.dir .. "/id_encrypted" } })
            if conn then message = conn:request({ script = "echo in" }).out end
            f:write(message)
          end)
        end
        for _, task in ipairs(tasks) do task:join() end
      end)
      f:close()
    ]]) .. "'")
  t.equal(s.read("by_agent"), ("in\n"):rep(6))
end)

-- ---- asked at a terminal ----

--- What the program says at a terminal of its own where `typed` is typed.
local function at_terminal(typed, options)
  local inventory = s.write("inventory.lua", ("return { hosts = { web1 = { address = '127.0.0.1', port = %d, user = '%s' } } }")
    :format(s.port, s.options().user))
  local neap = os.getenv("NEAP_LUA"):gsub("[^/]*/[^/]*/[^/]*$", "neap")
  return s.shell(("(sleep 1; printf '%s') | script -qec \"%s ping -i %s --known-hosts %s/kh %s; echo exit \\$?\" /dev/null")
    :format(typed, neap, inventory, s.dir, options))
end

t.case("an unknown host at a terminal: yes, no, the fingerprint", function()
  local shown, with_key = fingerprint("hostkey_ed25519.pub"), "--private-key " .. s.dir .. "/id_ed25519"
  s.write("kh", "")
  t.matches(at_terminal("maybe\\nno\\n", with_key), "is not known; its key is ssh%-ed25519 SHA256.*please say yes or no.*exit 4")
  t.equal(s.read("kh"), "")
  t.matches(at_terminal(shown .. "\\n", with_key), "uid .*exit 0")
  t.equal(s.read("kh"), here .. " " .. key("ed25519") .. "\n")
  s.write("kh", "")
  t.matches(at_terminal("yes\\n", with_key), "uid .*exit 0")
  t.matches(at_terminal("", with_key), "uid .*exit 0") -- and is known then
end)

t.case("the passphrase of a key at a terminal", function()
  s.write("kh", here .. " " .. key("ed25519") .. "\n")
  local out = at_terminal("secret\\n", "--private-key " .. s.dir .. "/id_encrypted")
  t.matches(out, "passphrase of '[^']*id_encrypted': .*uid .*exit 0")
end)

if not s.is_root then return end

t.case("a password, by itself and asked for by PAM", function()
  works { identities = { s.dir .. "/id_foreign" }, password = "pass word" }
  fails({ identities = { s.dir .. "/id_foreign" }, password = "wrong" }, "auth", "password", "id_foreign")
end)

t.case("a user that is not there", function()
  fails({ user = "nobodyatall" }, "auth", "nobodyatall@127.0.0.1")
end)

t.case("a login shell that lets nobody in", function()
  fails({ user = "nologin" }, "shell", "This account is currently not available")
end)

-- ---- sudo ----

local function sudo(user, changes)
  local options = s.options { user = user, become = true, prologue = "id -un; echo $HOME" }
  for k, v in pairs(changes or {}) do options[k] = v end
  return options
end

local function becomes(whom, options)
  local conn, message = s.connect(options)
  if not conn then error(message, 2) end
  t.equal(conn.prologue.out:match("^%S+"), whom)
  t.equal(s.task(function() return conn:request { script = "id -un; cat", stdin = ("x\0"):rep(40000) } end),
    { rc = 0, out = whom .. "\n" .. ("x\0"):rep(40000), err = "" })
  conn:close()
end

t.case("sudo without a password, with and without a pty, with one given in vain", function()
  becomes("root", sudo "sudoer")
  becomes("root", sudo "sudopty")
  becomes("dash", sudo("sudopty", { become_user = "dash" }))
  becomes("root", sudo("sudoer", { become_password = "not needed" }))
end)

t.case("sudo with a password", function()
  becomes("root", sudo("sudopass", { become_password = "pass word" }))
  becomes("bash", sudo("sudopass", { become_password = "pass word", become_user = "bash" }))
end)

t.case("sudo that wants a password and gets none, or a wrong one", function()
  fails(sudo "sudopass", "sudo", "sudo wants a password to become 'root'", "%-K")
  fails(sudo("sudopass", { become_password = "wrong" }), "sudo", "does not take the password")
  fails(sudo("dash", { become_password = "pass word" }), "sudo", "not in the sudoers file")
end)

t.case("no sudo at all", function()
  fails(sudo "ash", "sudo", "sudo.* not found")
end)

t.case("no user to become by such a name", function()
  fails(sudo("sudoer", { become_user = "nobodyatall" }), "sudo", "unknown user")
  fails(sudo("sudoer", { become_user = "x';reboot" }), "usage", "not the name of a user")
end)

t.case("the sudo password is nowhere on the host", function()
  local conn = s.connect(sudo("sudopass", { become_password = "pass word" }))
  local r = s.task(function()
    return conn:request { script = "cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c 'pass[ ]word'" }
  end)
  t.equal(r.out, "0\n")
  conn:close()
end)


