--- Whether an authority vouches for a host's key: host certificates.
--
-- libssh asks no host for its certificate, so ssh(1) is asked for it: it goes as far as the host's key, hands what the
-- host has shown to a command of ours (KnownHostsCommand, with a word of chance that no host can know), and knows
-- nobody, so it never logs in. It has checked the signature by then: it takes no certificate whose signature is
-- wrong (sshkey.c, cert_parse). What else makes a certificate good for this host is looked at here, as sshd(8) and
-- PROTOCOL.certkeys say. The connection proper is then made to the one key that stands in it.
local base64 = require "neap.base64"
local child = require "neap.core.child"
local crypto = require "neap.core.crypto"
local sh = require "neap.sh"
local sys = require "neap.core.sys"

local certificate = {}

local SUFFIX = "-cert-v01@openssh.com"
-- Of each type: the algorithms to ask for it by, and how many strings make its key.
local TYPES = {
  ["ssh-ed25519"] = { algorithms = { "ssh-ed25519" }, strings = 1 },
  ["ecdsa-sha2-nistp256"] = { algorithms = { "ecdsa-sha2-nistp256" }, strings = 2 },
  ["ecdsa-sha2-nistp384"] = { algorithms = { "ecdsa-sha2-nistp384" }, strings = 2 },
  ["ecdsa-sha2-nistp521"] = { algorithms = { "ecdsa-sha2-nistp521" }, strings = 2 },
  ["ssh-rsa"] = { algorithms = { "rsa-sha2-512", "rsa-sha2-256" }, strings = 2 },
}
local ORDER = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa" }
local OF_A_HOST = 2
local GRACE_MS = 5000
local LATEST_S = 253402300799

local function algorithms()
  local list = {}
  for _, type in ipairs(ORDER) do
    for _, algorithm in ipairs(TYPES[type].algorithms) do list[#list + 1] = algorithm .. SUFFIX end
  end
  return table.concat(list, ",")
end

-- ---- asking ssh(1) ----

local function words(options, mark)
  local list = {
    "ssh", "-F", "none", "-T", "-l", options.user, "-p", tostring(options.port),
  }
  local function set(name, value)
    list[#list + 1] = "-o"
    list[#list + 1] = name .. "=" .. value
  end
  set("BatchMode", "yes")
  set("StrictHostKeyChecking", "yes")
  set("UserKnownHostsFile", "none")
  set("GlobalKnownHostsFile", "none")
  set("CheckHostIP", "no")
  set("PreferredAuthentications", "none")
  set("LogLevel", "ERROR")
  set("KexAlgorithms", "^curve25519-sha256")
  set("HostKeyAlgorithms", algorithms())
  set("ConnectTimeout", tostring(math.max(1, options.connect_timeout_ms // 1000)))
  set("KnownHostsCommand", ([[/bin/sh -c "echo %s $0 $1 >&2" %%t %%K]]):format(mark))
  if options.proxy_command then -- ssh puts an "exec" before it
    set("ProxyCommand", "sh -c " .. sh.quote(options.proxy_command):gsub("%%", "%%%%"))
  end
  list[#list + 1] = "--"
  list[#list + 1] = options.address
  list[#list + 1] = "true"
  list.timeout_ms = 2 * options.connect_timeout_ms + GRACE_MS
  return list
end

-- The certificate that the host shows, as bytes: or nil and why not.
local function fetch(options)
  local mark = crypto.random_hex(16)
  local ended, message = child.run_aside(words(options, mark))
  if not ended then return nil, message end
  for type, text in ended.err:gmatch(mark .. " (%S+) (%S+)") do
    if type:sub(-#SUFFIX) == SUFFIX then return base64.decode(text) end
  end
  local why = ended.err:match("([^\r\n]*)[\r\n]*$")
  return nil, "it shows none" .. (why ~= "" and ": " .. why or "")
end

-- ---- reading it ----

--- The fields of a certificate, or nil where it is none (PROTOCOL.certkeys):
--   { type = of the plain key, key = its bytes, serial, kind, id, principals = { … }, after, before (seconds),
--   critical = bytes, authority = bytes of the key that signed it, algorithm = that it was signed by }
function certificate.parse(bytes)
  local ok, cert = pcall(function()
    local at, parts = 1, {}
    local function take(format)
      local value
      value, at = string.unpack(format, bytes, at)
      return value
    end
    local cert = { type = take(">s4"):sub(1, -#SUFFIX - 1) }
    take(">s4") -- a nonce
    for i = 1, TYPES[cert.type].strings do parts[i] = string.pack(">s4", (take(">s4"))) end
    cert.key = string.pack(">s4", cert.type) .. table.concat(parts)
    cert.serial, cert.kind, cert.id = take(">I8"), take(">I4"), take(">s4")
    local names = take(">s4")
    cert.after, cert.before, cert.critical = take(">I8"), take(">I8"), take(">s4")
    take(">s4") -- extensions
    take(">s4") -- reserved
    cert.authority = take(">s4")
    cert.algorithm = string.unpack(">s4", (take(">s4")))
    assert(at == #bytes + 1, "there is more")
    cert.principals, at = {}, 1
    while at <= #names do
      cert.principals[#cert.principals + 1], at = string.unpack(">s4", names, at)
    end
    return cert
  end)
  return ok and cert or nil
end

local function is_among(wanted, list)
  for _, one in ipairs(list) do
    if one == wanted then return true end
  end
  return false
end

local function signed_by(cert, authorities)
  local key = crypto.base64(cert.authority)
  for line in authorities:gmatch("[^\n]+") do
    if line:match("^%S+ (%S+)$") == key then return true end
  end
  return false
end

-- A certificate may name any 64 bits for a time; the last that is told is in the year 9999.
local function date(seconds)
  if seconds < 0 or seconds > LATEST_S then return "a day that is far off" end
  return os.date("%F %H:%M", seconds)
end

--- Why a certificate is not good for a host, or nil where it is.
-- @param name what the host goes by in known_hosts, without its port
-- @param authorities who may vouch for it: see remote.connect
-- @param now seconds
function certificate.objection(cert, name, authorities, now)
  local after, before = cert.after, cert.before
  if cert.kind ~= OF_A_HOST then return "it is one of a user, not of a host" end
  if not signed_by(cert, authorities) then return "it is signed by another authority" end
  if cert.algorithm == "ssh-rsa" then return "it is signed by way of SHA-1" end
  if math.ult(now, after) then return "it is good only from " .. date(after) .. " on" end
  if not math.ult(now, before) then return "it has expired on " .. date(before) end
  if cert.critical ~= "" then return "it has conditions that neap does not know" end
  if #cert.principals == 0 then return "it names no host" end
  if not is_among(name, cert.principals) then
    return ("it is good for %s only"):format(table.concat(cert.principals, ", "))
  end
end

--- Asks a host for its certificate and whether that is good.
-- @param options of remote.connect
-- @param key what that said of the key which it refused
-- @return { certified_key = fingerprint, certified_type = type } for remote.connect, or nil and why not
function certificate.check(options, key)
  local bytes, why = fetch(options)
  if not bytes then return nil, why end
  local cert = certificate.parse(bytes)
  if not cert then return nil, "it cannot be read" end
  local name = (options.host_key_alias or options.address):lower()
  why = certificate.objection(cert, name, key.authorities, math.floor(sys.time()))
  if why then return nil, why end
  local hash = crypto.sha256(cert.key):gsub("%x%x", function(hex) return string.char(tonumber(hex, 16)) end)
  return { certified_key = "SHA256:" .. crypto.base64(hash):gsub("=+$", ""), certified_type = cert.type }
end

return certificate
