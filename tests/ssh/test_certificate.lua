-- Host certificates: what an authority in known_hosts vouches for is let through, as by ssh(1).
local t = require "harness"
local s = require "ssh_host"
local approach = require "neap.engine.approach"
local certificate = require "neap.engine.certificate"

local function quoted(text) return (text:gsub("%p", "%%%0")) end

local function public(file) return s.read(file .. ".pub"):match("^%S+ %S+") end

local function fingerprint(file) return s.shell("ssh-keygen -lf " .. s.dir .. "/" .. file .. ".pub"):match("SHA256:%S+") end

for _, name in ipairs { "ca", "other_ca" } do
  s.shell(("ssh-keygen -q -t ed25519 -N '' -C '' -f %s/%s"):format(s.dir, name))
end

--- Has `by` sign a host key: a file for HostCertificate.
local function signed(by, type, options)
  local from, to = s.dir .. "/hostkey_" .. type, s.dir .. "/signed"
  s.shell(("cp %s.pub %s.pub; rm -f %s-cert.pub; ssh-keygen -q -s %s/%s -I 'host one' %s %s.pub"):format(from, to, to, s.dir,
    by, options, to))
  return to .. "-cert.pub"
end

--- A command that is an sshd which shows this certificate, as one to reach it by.
local function server(cert, type)
  local config = s.write("with_certificate", s.read("config") .. ("\nMatch all\n"))
  return ("/usr/sbin/sshd -i -f %s -o HostKey=%s/hostkey_%s -o HostCertificate=%s 2>/dev/null"):format(config, s.dir, type,
    cert)
end

--- What is known, how the host is reached, and nobody let in: so whoever gets so far is told "auth".
local function options_of(cert, known, changes)
  local options = {
    proxy_command = server(cert, "ed25519"), known_hosts = { s.write("kh", known .. "\n") },
    identities = { s.dir .. "/id_foreign" }, user = s.shell("id -un"):match("%S+"), port = 22,
  }
  for k, v in pairs(changes or {}) do options[k] = v end
  return s.options(options)
end

--- The code and the message of a connection that ends, and the host as the session knows it.
local function reached(options)
  local host = {}
  return s.task(function()
    local conn, message, code = approach.connect({ opts = { json = true }, hosts = {} }, host, options)
    if conn then conn:close() end
    return conn and "in" or code, message, host
  end)
end

--- Whether ssh(1) takes the host's key.
local function openssh_takes(options)
  local said = s.shell(("ssh -F none -n -o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=none "
    .. "-o UserKnownHostsFile=%s -o PreferredAuthentications=none -o ProxyCommand='%s' %s %s@127.0.0.1 true 2>&1"):format(
    options.known_hosts[1], options.proxy_command,
    options.host_key_alias and "-o HostKeyAlias=" .. options.host_key_alias or "", options.user))
  return not said:find("verification failed", 1, true)
end

local HERE = "-h -n web9,127.0.0.1"
local CA = "@cert-authority * " .. public "ca"
local OTHER = public "id_foreign"

-- What is tried, how the key was signed, what known_hosts says, and why not (nil: it is taken).
local cases = {
  { "a certificate for the address", HERE, CA },
  { "one with an end that is not yet", HERE .. " -V -1m:+1h", CA },
  { "an authority for this network only", HERE, "@cert-authority 127.0.0.* " .. public "ca" },
  { "the right one of two authorities", HERE, "@cert-authority * " .. public "other_ca" .. "\n" .. CA },
  { "an old key of the host beside the authority", HERE, "127.0.0.1 " .. OTHER .. "\n" .. CA },
  { "a name that known_hosts knows the host by", "-h -n the-key", CA, nil, { host_key_alias = "the-key" } },
  { "an expired one", HERE .. " -V -2h:-1h", CA, "it has expired on %d+%-" },
  { "one that is not good yet", HERE .. " -V +1h:+2h", CA, "it is good only from %d+%-" },
  { "one for another host", "-h -n web2,web3", CA, "it is good for web2, web3 only" },
  { "one of a user", "-n 127.0.0.1", CA, "" },
  { "one with a condition", HERE .. " -O critical:only=sundays", CA, "conditions that neap does not know" },
  { "an authority for other hosts", HERE, "@cert-authority web* " .. public "ca", "no key of" },
  { "another authority", HERE, "@cert-authority * " .. public "other_ca", "it is signed by another authority" },
  { "an authority that is revoked", HERE, CA .. "\n@revoked * " .. public "ca", "no key of" },
  { "a host's key that is revoked", HERE, CA .. "\n@revoked * " .. public "hostkey_ed25519", "revoked in .*kh:2" },
}
for _, case in ipairs(cases) do
  local name, how, known, why, changes = table.unpack(case, 1, 5)
  t.case(name .. (why and " is refused" or " is taken") .. ", as by OpenSSH", function()
    local options = options_of(signed("ca", "ed25519", how), known, changes)
    local code, message = reached(options)
    t.equal(code, why and "hostkey" or "auth", message)
    if why then t.matches(message, why) end
    t.equal(openssh_takes(options), not why, "what ssh(1) says")
  end)
end

t.case("a certificate that names no host is refused, though OpenSSH before 10 takes it for all", function()
  local code, message = reached(options_of(signed("ca", "ed25519", "-h"), CA))
  t.equal(code, "hostkey", message)
  t.matches(message, "it names no host")
end)

t.case("a host without a certificate is told of as that, with its key", function()
  local options = options_of("none", CA)
  options.proxy_command = options.proxy_command:gsub(" %-o HostCertificate=none", "")
  local code, message = reached(options)
  t.equal(code, "hostkey", message)
  t.matches(message, "no key of '127%.0%.0%.1'.*" .. quoted(fingerprint "hostkey_ed25519") .. ".*its certificate: it shows none")
end)

t.case("the certificate may be of another key than the one that is shown first", function()
  local options = options_of(signed("ca", "rsa", HERE), CA)
  options.proxy_command = options.proxy_command .. " -o HostKey=" .. s.dir .. "/hostkey_rsa"
  local code, message, host = reached(options)
  t.equal(code, "auth", message)
  t.equal(host.certified, { certified_key = fingerprint "hostkey_rsa", certified_type = "ssh-rsa" })
end)

t.case("what was vouched for lets in, and is not written down", function()
  local options = options_of(signed("ca", "ed25519", HERE), CA, { identities = { s.dir .. "/id_ed25519" } })
  local code, message = reached(options)
  t.equal(code, "in", message)
  t.equal(s.read("kh"), CA .. "\n")
end)

t.case("only the key that was vouched for is taken", function()
  local options = options_of(signed("ca", "ed25519", HERE), CA)
  options.certified_key, options.certified_type = fingerprint "id_foreign", "ssh-ed25519"
  t.equal(select(3, s.connect(options)), "hostkey")
end)

t.case("times that no calendar has are told of, too", function()
  local cert = { kind = 2, authority = "ca", algorithm = "ssh-ed25519", after = math.mininteger, before = -1, critical = "", principals = { "h" } }
  local authorities = "ssh-ed25519 " .. require("neap.core.crypto").base64("ca") .. "\n"
  t.matches(certificate.objection(cert, "h", authorities, 1700000000), "it is good only from .* on$")
  cert.after, cert.before = 0, -1 -- for ever
  t.equal(certificate.objection(cert, "h", authorities, 1700000000), nil)
end)

t.case("a torn certificate cannot be read", function()
  local base64 = require "neap.base64"
  local bytes = base64.decode(s.read(signed("ca", "ed25519", HERE):match("[^/]*$")):match("^%S+ (%S+)"))
  t.equal(certificate.parse(bytes).principals, { "web9", "127.0.0.1" })
  for n = 0, #bytes - 1 do t.equal(certificate.parse(bytes:sub(1, n)), nil, n .. " bytes") end
  t.equal(certificate.parse(bytes .. "x"), nil)
end)
