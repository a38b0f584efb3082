--- Whose name a commit bears, and how it is signed: as git itself is told, by GIT_AUTHOR_NAME and the like, user.name,
-- user.email, commit.gpgsign, gpg.format, user.signingkey, gpg.program. Where git is told nothing, it is the operator's
-- name on this machine.

local child = require "neap.core.child"
local sys = require "neap.core.sys"
local fault = require "neap.engine.fault"

local author = {}

-- Somebody may have to type a passphrase.
local SIGN_TIMEOUT_MS = 120 * 1000
local PRIVATE_FILE = 384 -- 0600

local function given(text) return text and text ~= "" and text or nil end

local function one(st, who, what, otherwise)
  return given(sys.getenv(("GIT_%s_%s"):format(who:upper(), what:upper()))) or given(st:config(who .. "." .. what)) or
    given(st:config("user." .. what)) or otherwise
end

local TRUE = { ["true"] = true, yes = true, on = true, ["1"] = true, [""] = true }

local function failed(program, reply, message)
  local said = reply and reply.err:gsub("%s+$", "") or message
  return nil, ("cannot sign the commit with '%s': %s"):format(program, said)
end

-- ssh-keygen signs a file, and writes the signature beside it; a key may also be given as text.
local function sign_with_ssh(st, program, key, text)
  local file = ("%ssign-%d-%d"):format(st:where(), math.floor(sys.time() * 1000), math.random(1 << 30))
  local literal = key:match("^key::(.*)") or key:match("^ssh%-%S+ .*") or key:match("^ecdsa%-%S+ .*")
  local path = literal and file .. ".pub" or key:gsub("^~/", (sys.getenv("HOME") or "") .. "/")
  sys.write_file(file, text, PRIVATE_FILE)
  if literal then sys.write_file(path, literal .. "\n", PRIVATE_FILE) end
  local words = { program, "-Y", "sign", "-n", "git", "-f", path, literal and "-U" or file, literal and file or nil }
  words.timeout_ms = SIGN_TIMEOUT_MS
  local reply, message = child.run(words)
  local signature = reply and reply.status == 0 and sys.read_file(file .. ".sig")
  for _, name in ipairs { file, file .. ".sig", literal and path or nil } do os.remove(name) end
  if not signature then return failed(program, reply, message) end
  return signature
end

local function sign_with_gpg(program, key, text)
  local reply, message = child.run {
    program, "--status-fd=2", "-bsau", key, input = text, timeout_ms = SIGN_TIMEOUT_MS,
  }
  if reply and reply.status == 0 and reply.err:find("SIG_CREATED", 1, true) then return reply.out end
  return failed(program, reply, message)
end

local PROGRAM = { openpgp = "gpg", x509 = "gpgsm", ssh = "ssh-keygen" }

-- What signs, or nil where git is not told to sign.
local function signer(st, name, email)
  if not TRUE[(st:config("commit.gpgsign") or "no"):lower()] then return nil end
  local format = st:config("gpg.format") or "openpgp"
  if not PROGRAM[format] then
    fault.raise("usage", nil, "git's gpg.format '%s' is none of openpgp, ssh, x509", format)
  end
  local program = st:config("gpg." .. format .. ".program") or format == "openpgp" and st:config("gpg.program") or
    PROGRAM[format]
  local key = given(st:config("user.signingkey"))
  if format ~= "ssh" then
    key = key or ("%s <%s>"):format(name, email)
    return function(text) return sign_with_gpg(program, key, text) end
  end
  if not key then
    fault.raise("usage", nil, "git is told to sign commits with an ssh key, but not with which: set user.signingkey")
  end
  return function(text) return sign_with_ssh(st, program, key, text) end
end

--- What st:commit is to know of the author: author_name, author_email, committer_name, committer_email, sign.
function author.of(st)
  local operator, machine = sys.operator()
  local address = operator .. "@" .. machine
  local who = {
    author_name = one(st, "author", "name", operator), author_email = one(st, "author", "email", address),
    committer_name = one(st, "committer", "name", operator), committer_email = one(st, "committer", "email", address),
  }
  who.sign = signer(st, who.committer_name, who.committer_email)
  return who
end

--- Raises a fault where commits are to be signed and cannot be: before a run has changed anything.
function author.check(st)
  local sign = author.of(st).sign
  if not sign then return end
  local signature, message = sign("neap: can this be signed?\n")
  if not signature then
    fault.raise("usage", nil, "%s\n(git's commit.gpgsign asks for it; nothing was changed)", message)
  end
end

return author
