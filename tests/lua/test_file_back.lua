--- Files and links that have replaced a directory or something else, on their way back.
local t = require "harness"
local Model = require "neap.engine.model"
local difference = require "neap.engine.difference"
local file = require "neap.types.file"
local symlink = require "neap.types.symlink"

local FULL = { kind = "directory", mode = "0750", owner = "ada", group = "ops" }

-- A host with one thing at /srv/x, names in it, and where something is mounted in /srv.
local function host_of(st, names, mounted)
  return {
    stat = function(_, path) return path == "/srv/x" and st or path == "/srv" and FULL or nil end,
    list = function(_, path) return path == "/srv/x" and names or nil end,
    run = function() return { rc = 0, out = mounted or "", err = "" } end,
    sha256 = function() return "" end, content = function() return "n" end, getent = function() return "x" end,
    expect = function() end,
  }
end

-- A change to what is wanted there: the change, and what is said of it on a way back.
local function back(rtype, host, want)
  local change = difference.change(rtype, rtype.probe(host, "/srv/x", want), want)
  change.resource = { attrs = want }
  return change, rtype.rollback.look(host, "/srv/x", change, {}, Model.new())
end

local FILE = { kind = "file", mode = "0644", owner = "root", group = "root" }

t.case("of a directory that a file replaces is found what brings it back", function()
  local host = host_of(FULL, {})
  local found = file.probe(host, "/srv/x", { content = "n", force = true })
  t.equal(found, { occupied = "directory", mode = "0750", owner = "ada", group = "ops" })
  t.equal(difference.change(file, found, { content = "n", force = true }).to, { content = "n", force = true })
  t.equal(file.probe(host, "/srv/x", { mode = "0750", force = true }), { occupied = "directory" })
end)

t.case("an empty directory comes back as it was", function()
  local want = { occupied = "directory", mode = "0750", owner = "ada", group = "ops", force = true }
  local change, verdict = back(file, host_of(FILE), want)
  t.equal({ change.kind, change.differs.occupied, verdict }, { "update", true })
  local steps, model = file.steps("/srv/x", change), Model.new()
  t.equal({ #steps, steps[1].title }, { 1, "make /srv/x" })
  t.matches(steps[1].run, "mkdir .*chown %-h %-%- ada:ops .*chmod %-%- 00750 .*rm %-f .*put$")
  file.effects("/srv/x", change, model)
  t.equal({ model:get("stat", { "/srv/x" }).kind, (model:get("list", { "/srv/x" })) }, { "directory", {} })
  t.equal(difference.change(file, file.probe(host_of(FULL, {}), "/srv/x", want), want), nil)
end)

t.case("what is not known well enough to be brought back is a barrier", function()
  local nouns = { directory = "directory", other = "device, pipe or socket" }
  for kind, noun in pairs(nouns) do
    for _, there in ipairs { FILE, false } do
      local _, verdict = back(file, host_of(there or nil), { occupied = kind, force = true })
      t.equal(verdict, { barrier = ("the %s that it replaced was not kept"):format(noun), stays = "it stays" })
    end
  end
end)

t.case("a link comes back", function()
  local _, verdict = back(file, host_of(FILE), { occupied = "symlink", target = "t", force = true })
  t.equal(verdict, nil)
end)

t.case("a directory that is not empty, or a volume, is replaced by nothing else, and the plan says so", function()
  for rtype, want in pairs { [file] = { content = "n", force = true }, [symlink] = { to = "t", force = true } } do
    local cases = {
      { { "a", "b" }, "", "'/srv/x' is a directory that is not empty %(a, b%)" },
      { {}, "x\n", "something is mounted on '/srv/x'" },
    }
    for _, case in ipairs(cases) do
      local host = host_of(FULL, case[1], case[2])
      local change, verdict = back(rtype, host, want)
      t.matches(verdict.impossible, case[3])
      t.raises(function() rtype.foresee(host, "/srv/x", change, Model.new()) end, case[3])
    end
    local change, verdict = back(rtype, host_of(FULL, {}), want)
    t.equal({ verdict, rtype.foresee(host_of(FULL, {}), "/srv/x", change, Model.new()) }, {})
  end
end)
