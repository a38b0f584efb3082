-- Releases, unpacked for real in a scratch directory.
local t = require "harness"
local Host = require "local_host"
local ask = require "neap.engine.ask"
local difference = require "neap.engine.difference"
local release = require "neap.types.release"
local tar = require "neap.tar"

t.case("tar: a name too long for a header is an error", function()
  t.raises(function() tar.pack({ [("x"):rep(120)] = "" }, {}) end, "too long")
end)

local refused = {
  { { files = { ["../x"] = "" } }, "no relative name" }, { { files = { ["/x"] = "" } }, "no relative name" },
  { { files = { x = 7 } }, "no string" }, { {}, "where it comes from" }, { { repository = "u" }, "id must name" },
  { { files = { x = "" }, repository = "u", id = "1" }, "not from several" },
  { { files = { x = "" }, id = "../x" }, "no name of a release" },
  { { files = { x = "" }, executable = { "y" } }, "not among the files" },
}
for i, case in ipairs(refused) do
  t.case("release: refuses nonsense " .. i, function()
    t.raises(function() release.check("/srv/app", case[1]) end, case[2])
  end)
end
t.case("release: its name follows from what is in it", function()
  local a = release.check("/srv/app", { files = { x = "1" } }).id
  t.equal(release.check("/srv/app", { files = { x = "1" } }).id, a)
  t.truthy(release.check("/srv/app", { files = { x = "2" } }).id ~= a, "another name")
end)

t.case("release: of one that was there before Neap, only its name is known", function()
  local attrs = { id = "1", files = { x = "" }, owner = "ada", keep = 2 }
  t.equal(release.rollback.wanted("/srv/app", attrs, true), { id = "1" })
  t.equal(release.rollback.wanted("/srv/app", attrs), attrs)
end)

-- Where something is mounted in /srv/app, as the kernel writes it, and what is said of changes of it.
local function host_of(mounted)
  return {
    run = function() return { rc = 0, out = mounted .. "\n", err = "" } end, content = function() return "1.0\n" end,
    stat = function() return nil end, list = function() return {} end,
  }
end

t.case("release: nothing goes with something mounted in it", function()
  local change = { kind = "delete", from = { id = "1.0" }, resource = { attrs = {}, leaves = true } }
  local why = "something is mounted on '/srv/app/releases/1.0/up'"
  local function refused_by(mounted, sweeps)
    local ok, problem = pcall(release.foresee_delete, host_of(mounted), "/srv/app", change, { sweeps = sweeps })
    return ok and "" or tostring(problem)
  end
  t.matches(refused_by "releases/1.0/up", why)
  t.equal({ refused_by("releases/1.0/up", true), refused_by "shared/up" }, { "", "" })
  t.matches(release.rollback.look(host_of "releases/1.0/up", "/srv/app", change).impossible, why)
  change.to, change.kind = { id = "0.9", files = {} }, "update"
  t.matches(release.rollback.look(host_of "1.0/up", "/srv/app", change).impossible, why)
  t.equal(release.rollback.look(host_of "0.9/up", "/srv/app", change), nil)
end)

if not Host.is_root() then return io.stdout:write("the rest is skipped: needs root\n") end

local function found(host, key)
  local job = { run = function(facade) return release.probe(facade, key) end }
  ask.new(host, {}):run { job }
  return job.found
end

-- What deploys do one after the other; the last answer of `look` is compared.
local function deploy(host, key, attrs, wanted_error)
  attrs.owner, attrs.group = attrs.owner or "root", attrs.group or "root"
  local change = difference.change(release, found(host, key), release.check(key, attrs))
  for _, step in ipairs(change and release.steps(key, change) or {}) do
    local r = host:request { script = step.run, stdin = step.stdin }
    if r.rc ~= 0 then
      if wanted_error then return t.matches(r.err, wanted_error) end
      error(step.title .. ": " .. r.err)
    end
  end
  if wanted_error then error("no error: " .. wanted_error) end
end

for _, shell in ipairs(Host.shells()) do
  t.case("release: unpacked, switched, pruned, and back again (" .. shell .. ")", function()
    local host <close> = setmetatable(Host.new { shell = shell }, { __index = Host, __close = Host.close })
    local key = host.dir .. "/app"
    local long = ("d"):rep(90) .. "/" .. ("e"):rep(90)
    deploy(host, key, { id = "1", files = { ["bin/run"] = "#!/bin/sh\necho one\n", [long] = "deep" },
      executable = { "bin/run" } })
    t.equal(host:sh("app/current/bin/run; cat app/current/" .. long), "one\ndeep")
    t.equal(found(host, key), { id = "1" })
    host:sh("touch -d @1001 app/releases/1")
    for i = 2, 4 do
      deploy(host, key, { id = tostring(i), files = { f = tostring(i) }, keep = 2 })
      host:sh(("touch -d @%d app/releases/%d"):format(1000 + i, i))
    end
    t.equal(host:sh("cat app/current/f; ls app/releases"), "43\n4")
    deploy(host, key, { id = "3" })
    t.equal(host:sh("cat app/current/f"), "3")
    deploy(host, key, { id = "1" }, "no longer on this host")
    t.equal(host:sh("cat app/current/f; ls -A app app/releases"), "3app:\ncurrent\nreleases\n\napp/releases:\n.made\n.new\n3\n4")
    deploy(host, key, { id = "5", data = "no archive" }, "cannot unpack release '5'")
    t.equal(host:sh("cat app/current/f"), "3")
  end)
end

t.case("release: one in which something is mounted is neither pruned nor taken away", function()
  if not Host.can_be_private() then return end
  for _, shell in ipairs(Host.shells()) do
    local host <close> = setmetatable(Host.new { private = true, shell = shell }, { __index = Host, __close = Host.close })
    local key = host.dir .. "/app"
    for i = 1, 3 do deploy(host, key, { id = tostring(i), files = { f = tostring(i) } }) end
    local resource = { attrs = {}, leaves = true }
    local to = { id = "3", keep = 1, files = { f = "3" } }
    local update = { kind = "update", from = { id = "2" }, to = to, differs = { id = true } }
    local prune = release.steps(key, update)[3].run
    update.resource = resource
    local leave = release.steps(key, update)[3].run
    local delete = { kind = "delete", from = { id = "3" }, differs = {} }
    local away = release.steps(key, delete)[1].run
    delete.resource = resource
    local goes = release.steps(key, delete)[1].run
    local script = ("cd '%s/releases'; mkdir 1/up; mount -t tmpfs none 1/up; echo volume >1/up/f\n"):format(key)
    for _, step in ipairs { prune, leave, away, goes } do script = script .. "( " .. step .. "\n); echo $?\n" end
    local r = host:request { script = script .. ("ls '%s/releases'; cat 1/up/f"):format(key) }
    t.equal(r.out, "0\n75\n75\n75\n1\n3\nvolume\n", r.err)
    t.matches(r.err, "something is mounted on '.*/app/releases/1/up'")
  end
end)

-- { what an application that owns its directory has planted there, what of a stranger's must be as it was }
for _, planted in ipairs {
  "ln -s ../victim app/releases", "cp -a victim app/releases; chown -R 1 app/releases",
  "mkdir app/releases; ln -s ../victim app/releases/.archive; chown -R -h 1 app/releases",
  "mkdir -m 775 app/releases; ln -s ../../victim/1 app/releases/.archive; chgrp 1 app/releases",
} do
  t.case("release: root follows nothing that the application has planted: " .. planted, function()
    local host <close> = setmetatable(Host.new {}, { __index = Host, __close = Host.close })
    host:sh("mkdir app victim; for i in 1 2 3 4; do echo $i >victim/$i; done; chown 1 app; " .. planted)
    deploy(host, host.dir .. "/app", { id = "9", files = { f = "9" }, keep = 1 }, "is a link or another user's")
    t.equal(host:sh("ls -A victim; ls app"), "1\n2\n3\n4\nreleases")
  end)
end

t.case("release: from a git repository", function()
  if os.execute("command -v git >/dev/null") ~= true then return end
  local host <close> = setmetatable(Host.new {}, { __index = Host, __close = Host.close })
  host:sh("export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1\ngit init -q src; cd src\n"
    .. "git config user.name n; git config user.email e@example.org\necho 1 >f; git add f; git commit -qm 1; git tag v1\n"
    .. "echo 2 >f; git commit -qam 2; git tag v2")
  local key = host.dir .. "/app"
  deploy(host, key, { id = "v1", repository = host.dir .. "/src" })
  t.equal(host:sh("cat app/current/f"), "1")
  deploy(host, key, { id = "v2", repository = host.dir .. "/src" })
  t.equal(host:sh("cat app/current/f; ls app/releases"), "2\nv1\nv2")
  deploy(host, key, { id = "v3", repository = host.dir .. "/src" }, "there is no 'v3'")
end)
