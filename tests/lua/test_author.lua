--- Commits bear the name, and the signature, that git is told.
local t = require "harness"
local author = require "neap.engine.author"
local store = require "neap.core.store"
local sys = require "neap.core.sys"

local function sh(command)
  local pipe = assert(io.popen("exec 2>&1; " .. command, "r"))
  local out = pipe:read("a")
  return pipe:close(), out
end

local base = os.tmpname()
os.remove(base)
assert(sys.mkdir(base, 448))

local function repository(name, ...)
  local path = base .. "/" .. name
  local st = assert(store.open(path, { create = true }))
  for _, setting in ipairs { ... } do
    assert(sh(("git --git-dir=%s config %s '%s'"):format(path, setting[1], setting[2])))
  end
  return st, "git --git-dir=" .. path .. " "
end

local function commit(st)
  local made = author.of(st)
  made.parent, made.changes, made.message = st:head(), { a = tostring(st:head()) }, "m\n"
  return st:commit(made)
end

t.case("the name is git's, else the operator's here", function()
  local st, git = repository("name", { "user.name", "Ann Ops" }, { "user.email", "ann@example.org" },
    { "committer.name", "Robot" })
  assert(commit(st))
  t.equal(select(2, sh(git .. "log --format='%an <%ae>, %cn <%ce>'")),
    "Ann Ops <ann@example.org>, Robot <ann@example.org>\n")
  st:close()
end)

local key = base .. "/key"
assert(sh("ssh-keygen -q -t ed25519 -N '' -C ann -f " .. key))
assert(sh(("sed 's/^/ann@example.org /' %s.pub >%s/allowed"):format(key, base)))

t.case("signed with an ssh key, as git verifies it", function()
  local st, git = repository("ssh", { "user.name", "Ann" }, { "user.email", "ann@example.org" },
    { "commit.gpgsign", "true" }, { "gpg.format", "ssh" }, { "user.signingkey", key },
    { "gpg.ssh.allowedSignersFile", base .. "/allowed" })
  author.check(st)
  assert(commit(st))
  assert(commit(st))
  for _, rev in ipairs { "HEAD", "HEAD~1" } do
    local ok, out = sh(git .. "verify-commit " .. rev)
    t.truthy(ok, out)
    t.matches(out, 'Good "git" signature for ann@example.org')
  end
  local ok, out = sh(git .. "fsck --strict")
  t.truthy(ok, out)
  t.equal(select(2, sh("ls " .. base .. "/ssh | grep sign-")), "")
  st:close()
end)

t.case("a key that is not there is told before anything is changed, and nothing is committed", function()
  local st = repository("nokey", { "commit.gpgsign", "true" }, { "gpg.format", "ssh" },
    { "user.signingkey", base .. "/none" })
  t.raises(function() author.check(st) end, "cannot sign the commit with 'ssh%-keygen': .*nothing was changed")
  local id, message = commit(st)
  t.equal({ id, (st:head()) }, {})
  t.matches(message, "cannot sign the commit")
  st:close()
end)

t.case("no key named, a format unknown, no such program", function()
  local st = repository("which", { "commit.gpgsign", "true" }, { "gpg.format", "ssh" })
  t.raises(function() author.of(st) end, "set user.signingkey")
  sh(("git --git-dir=%s/which config gpg.format rot13"):format(base))
  t.raises(function() author.of(st) end, "'rot13' is none of openpgp, ssh, x509")
  sh(("git --git-dir=%s/which config gpg.format openpgp"):format(base))
  sh(("git --git-dir=%s/which config gpg.program %s/no-gpg"):format(base, base))
  t.raises(function() author.check(st) end, "there is no program '.*no%-gpg' here")
  st:close()
end)

-- A gpg that signs whatever it is given, and says what it was asked.
t.case("openpgp: the key named, else the committer, by gpg.program", function()
  local gpg = base .. "/gpg"
  assert(sys.write_file(gpg, "#!/bin/sh\necho \"$@\" >" .. base .. "/asked\ncat >" .. base .. "/text\n" ..
    "echo '[GNUPG:] SIG_CREATED D' >&2\nprintf '%s\\n' '-----BEGIN PGP SIGNATURE-----' '' x '-----END PGP SIGNATURE-----'\n",
    493))
  local st, git = repository("pgp", { "user.name", "Ann" }, { "user.email", "a@b" }, { "commit.gpgsign", "true" },
    { "gpg.program", gpg })
  assert(commit(st))
  t.equal(sys.read_file(base .. "/asked"), "--status-fd=2 -bsau Ann <a@b>\n")
  t.matches(sys.read_file(base .. "/text"), "^tree %x+\nauthor Ann <a@b> ")
  t.matches(select(2, sh(git .. "cat-file commit HEAD")), "\ngpgsig %-%-%-%-%-BEGIN PGP SIGNATURE")
  st:close()
end)

sh("rm -rf " .. base)
