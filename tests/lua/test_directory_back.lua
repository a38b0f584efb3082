--- Directories on their way back, and what was in them.
local t = require "harness"
local Model = require "neap.engine.model"
local difference = require "neap.engine.difference"
local directory = require "neap.types.directory"
local lasting = require "neap.engine.lasting"

local THERE = { kind = "directory", mode = "0755", owner = "root", group = "root" }

-- A host with these things, directories with these names, and mounts: paths in the directories that are asked about, as
-- the kernel writes them.
local function host_of(stats, lists, mounted)
  return {
    stat = function(_, path) return stats[path] end, list = function(_, path) return lists[path] end,
    expect = function() end,
    run = function(_, script)
      local dir = script:match("\ncd %-P %-%- '?([^' ]+)")
      local paths = mounted and mounted[dir] or {}
      return { rc = 0, out = table.concat(paths, "\n") .. (paths[1] and "\n" or ""), err = "" }
    end,
  }
end

local function change_of(found, want, before)
  local change = difference.change(directory, found, want)
  change.resource = { attrs = want, before = before }
  return change
end

t.case("what it replaces is no part of what it becomes", function()
  local change = change_of({ occupied = "file" }, { mode = "0750", force = true })
  t.equal({ change.kind, change.to.occupied }, { "update" })
  t.equal(directory.rollback.look(host_of({}, {}), "/x", change, {}, Model.new()), nil)
end)

-- What a change of /srv/d that takes something away is refused with: while it is planned, and on a way back.
local function refusals(mounted, want, from)
  local host = host_of({}, {}, mounted)
  local change = want and change_of(from, want) or { kind = "delete", from = from, differs = {}, resource = { attrs = {} } }
  local foresee = want and directory.foresee or directory.foresee_delete
  local _, problem = pcall(foresee, host, "/srv/d", change, Model.new())
  local verdict = directory.rollback.look(host, "/srv/d", change, {}, Model.new())
  return tostring(problem), verdict
end

-- A directory that has replaced something, on its way back: the change, and what is said of it.
local function replaced(genesis, away, names, found, mounted)
  local stats = { ["/srv/d"] = found or THERE, ["/var/lib/neap/kept/%2Fsrv/d"] = away }
  local host = host_of(stats, { ["/srv/d"] = names or {} }, mounted)
  local seen = directory.probe(host, "/srv/d", genesis)
  local change = difference.change(directory, seen, genesis) and change_of(seen, genesis)
  return change, change and directory.rollback.look(host, "/srv/d", change, {}, Model.new())
end

t.case("what it has replaced comes back from where it was kept", function()
  for _, kind in ipairs { "file", "symlink", "other" } do
    local change, verdict = replaced({ occupied = kind, target = kind == "symlink" and "t" or nil },
      { kind = kind, target = kind == "symlink" and "t" or nil })
    t.equal({ change.kind, change.differs.occupied, verdict.instead.restore }, { "update", true, true })
    local steps = directory.steps("/srv/d", change_of({ mode = "0755", occupied = false }, verdict.instead))
    t.equal({ #steps, steps[1].title }, { 1, "bring back what was at /srv/d" })
    local model = Model.new()
    directory.effects("/srv/d", change_of({ mode = "0755", occupied = false }, verdict.instead), model)
    t.equal(model:edit("stat", "/srv/d").unknown, "it comes back with directory:/srv/d")
  end
  t.equal({ replaced({ occupied = "file", force = true }, nil, nil, { kind = "file" }) }, {})
end)

t.case("what is not where it was kept is a barrier", function()
  for _, away in ipairs { false, { kind = "directory" }, { kind = "symlink", target = "u" } } do
    local _, verdict = replaced({ occupied = "symlink", target = "t" }, away or nil)
    t.equal(verdict, { barrier = "the link that it replaced was not kept", stays = "it stays" })
  end
end)

t.case("one that holds what others have put there stays, and stays recorded", function()
  local _, verdict = replaced({ occupied = "file" }, { kind = "file" }, { "y" })
  t.equal(verdict, {
    barrier = "it holds what Neap has not put there (y), in the place of a file that is kept", stays = "it stays", keeps = true,
  })
  _, verdict = replaced({ occupied = "file" }, { kind = "file" }, {}, nil, { ["/srv"] = { "d" } })
  t.matches(verdict.impossible, "something is mounted on '/srv/d'")
end)

t.case("what it replaces is no mount point", function()
  local from, want = { occupied = "file" }, directory.check("/srv/d", { force = true, purge = true })
  local problem, verdict = refusals({ ["/srv"] = { "d" } }, want, from)
  t.matches(problem, "something is mounted on '/srv/d', .* unmount it first$")
  t.matches(verdict.impossible, "unmount it first")
end)

t.case("one that goes by force is recorded with the names in it", function()
  local host = host_of({ ["/d"] = THERE }, { ["/d"] = { "a", "b" } })
  t.equal(directory.probe(host, "/d", nil, { force = true }).surplus, { "a", "b" })
  t.equal(directory.probe(host, "/d", nil, {}).surplus, nil)
end)

t.case("what was in one that went whole comes back into the one that is there", function()
  local host = host_of({ ["/d"] = THERE, ["/var/lib/neap/kept//d/a"] = THERE }, { ["/d"] = {} })
  local want = { mode = "0755", surplus = { "a" } }
  local change = change_of(directory.probe(host, "/d", want), want)
  t.equal(directory.rollback.look(host, "/d", change, {}, Model.new()), nil)
  t.matches(directory.steps("/d", change)[1].run, "back '/var/lib/neap/kept/%%2Fd/a' /var/lib/neap/kept//d/a\n")
end)

t.case("an empty one that goes by force puts nothing in the place of what was kept", function()
  local function delete(surplus)
    local change = { kind = "delete", from = { force = true, surplus = surplus }, differs = {} }
    return directory.steps("/d", change)[1].run
  end
  t.truthy(not delete({}):find("/var/lib/neap/kept", 1, true))
  t.matches(delete({ "a" }), "/var/lib/neap/kept")
end)

t.case("however many are to come back, where they are kept is asked in one round", function()
  local rounds, wanted = 0, { mode = "0755", surplus = {} }
  for i = 1, 50 do wanted.surplus[i] = "f" .. i end
  local host = host_of({}, { ["/d"] = {} })
  local expected = {}
  function host:expect(_, path) expected[path] = true end
  function host:stat(path)
    if not expected[path] then rounds = rounds + 1 end
    return THERE
  end
  local change = change_of({ mode = "0755", surplus = {} }, wanted)
  t.equal(directory.rollback.look(host, "/d", change, {}, Model.new()), nil)
  t.equal(rounds, 0)
end)

t.case("what was kept nowhere is a barrier", function()
  local host = host_of({ ["/d"] = THERE }, { ["/d"] = { "b" } })
  local want = { mode = "0755", surplus = { "a", "b" } }
  local verdict = directory.rollback.look(host, "/d", change_of(directory.probe(host, "/d", want), want), {}, Model.new())
  t.equal({ verdict.barrier, verdict.instead.surplus }, { "what was purged was not kept: a", { "b" } })
end)

t.case("one that went with a directory above it comes back from there", function()
  local whole = "/var/lib/neap/kept/%2Fsrv/b/in/d"
  local before = { state = false, options = { force = true }, managed = { mode = true } }
  local function verdict(stats)
    local want = { mode = "0755" }
    return directory.rollback.look(host_of(stats, {}), "/srv/b/in/d", change_of(nil, want, before), {}, Model.new())
  end
  t.equal({ verdict({ [whole] = THERE }).barrier, verdict({ [whole] = THERE }).instead.restore }, { nil, true })
  t.equal(verdict({}).barrier, "what was in it was not kept: it comes back empty")
  local step = directory.steps("/srv/b/in/d", change_of(nil, { mode = "0755", restore = true }))[1]
  t.matches(step.run, "back %S+ %S+ '" .. whole:gsub("%%", "%%%%") .. "' /var/lib/neap/kept//srv/b/in/d\n")
end)

-- { what, its names before Neap, its names when a run first looked, whether its record is of a playbook that wants it
-- away, what stands in its place, the barrier }
for _, case in ipairs {
  { "was never there", nil, nil, true, false },
  { "was empty", {}, nil, true, false },
  { "was empty when it was first looked at", nil, {}, true, false },
  { "has given way since", nil, nil, true, { occupied = "symlink" } },
  { "had something in it", { "x" }, nil, true, false, "what was in it was not kept: it comes back empty" },
  { "had something in it at first", nil, { "x" }, true, false, "what was in it was not kept: it comes back empty" },
  { "has gone with another", nil, nil, false, false, "what was in it was not kept: it comes back empty" },
  { "has given way to a file by force", nil, nil, false, { occupied = "file" } },
} do
  t.case("a directory that is not kept and " .. case[1], function()
    local before = {
      options = { force = true }, managed = not case[4] and { mode = true } or {}, state = case[5],
      genesis = case[2] and { surplus = case[2] } or false, first = case[3] and { surplus = case[3] },
    }
    local a_file = { ["/var/lib/neap/kept/%2Fsrv/d"] = { kind = "file" } }
    for _, stats in ipairs { {}, a_file } do
      local change = change_of(nil, { mode = "0755" }, before)
      local verdict = directory.rollback.look(host_of(stats, {}), "/srv/d", change, {}, Model.new())
      t.equal(verdict and verdict.barrier, case[6])
    end
  end)
end

t.case("a directory right below the root that was taken whole is found where it is kept", function()
  local before = { state = false, options = { force = true } }
  local delete = { kind = "delete", from = { force = true, surplus = { "a" } }, differs = {} }
  t.matches(directory.steps("/d", delete)[1].run, " /var/lib/neap/kept//d ")
  local host = host_of({ ["/var/lib/neap/kept//d"] = THERE }, {})
  local change = change_of(nil, { mode = "0755" }, before)
  t.equal(directory.rollback.look(host, "/d", change, {}, Model.new()).instead.restore, true)
end)

t.case("one that is made again gets what had been purged", function()
  local change = change_of(nil, { mode = "0755", surplus = { "a" } })
  local steps = directory.steps("/d", change)
  t.equal({ #steps, steps[2].title }, { 2, "bring 1 things back into /d" })
end)

t.case("what a purge leaves since something in it is named is recorded, and is no resource of its own", function()
  local host = host_of({ ["/d"] = THERE }, { ["/d"] = { "in", "own", "y" } })
  local want = directory.check("/d", { purge = true })
  directory.adopt("/d", want, { "/d", "/d/in/x", "/d/own", "/d/own/x", "/d/not/x" })
  local found = directory.probe(host, "/d", want)
  t.equal({ found.surplus, found.spared }, { { "y" }, { "in" } })
  want.within = {}
  t.equal(directory.probe(host, "/d", want).spared, nil)
end)

-- What a later purge took, when it is wanted as it was after an earlier one: the change, and what is said of it.
local function purged_later(kept, back)
  local stats = { ["/d"] = THERE, ["/var/lib/neap/kept/%2Fd/in"] = kept and THERE or nil }
  local host = host_of(stats, { ["/d"] = {} })
  local want = { purge = true, surplus = {}, spared = { "in" }, keep = { "in" }, within = { "in" } }
  local change = change_of(directory.probe(host, "/d", want), want)
  return change, directory.rollback.look(host, "/d", change, back or {}, Model.new())
end

t.case("what one purge left and a later one took comes back", function()
  local change, verdict = purged_later(true)
  t.equal({ change.differs, verdict }, { { spared = true } })
  t.equal(directory.steps("/d", change)[1].title, "bring 1 things back into /d")
  t.equal(directory.rollback.wanted("/d", { purge = true, spared = { "in" } }, true).spared, { "in" })
  local _, lost = purged_later(false)
  t.equal({ lost.barrier, lost.instead.spared }, { "what was purged was not kept: in", {} })
end)

t.case("and by a resource of its own, where it has one by now", function()
  local _, verdict = purged_later(true, { staying = { directory = { "/d/in" } } })
  t.equal({ verdict.barrier, verdict.instead.spared }, { nil, {} })
end)

local function heard(kinds)
  local answers = {}
  for kind, of_kind in pairs(kinds) do
    answers[kind] = {}
    for path, answer in pairs(of_kind) do answers[kind][path] = { answer = answer } end
  end
  return answers
end

local PURGED = { purge = true, surplus = {} }

t.case("nothing is purged with something mounted in it", function()
  local from = { mode = "0755", surplus = { "a b", "c" } }
  local problem, verdict = refusals({ ["/srv/d"] = { "x/y", "a\\040b/in" } }, PURGED, from)
  local why = "something is mounted on '/srv/d/a b/in', and nothing is taken away with that: unmount it first"
  t.equal({ problem, verdict }, { why .. ', or declare directory "/srv/d/a b/in" to keep it', { impossible = why } })
  t.equal({ refusals({ ["/srv/d"] = { "x/c" } }, PURGED, from) }, { "nil" })
end)

t.case("nor where something is mounted on what was kept of the same name", function()
  local from = { mode = "0755", surplus = { "c" } }
  local problem = refusals({ ["/var/lib/neap/kept/%2Fsrv%2Fd"] = { "c" } }, PURGED, from)
  t.matches(problem, "mounted on '/var/lib/neap/kept/%%2Fsrv%%2Fd/c'.*unmount it first$")
end)

t.case("no directory goes with something mounted on or in it", function()
  for _, at in ipairs { "d", "d/in/x" } do
    local problem, verdict = refusals({ ["/srv"] = { at } }, nil, { force = true, surplus = { "in" } })
    local why = ("something is mounted on '/srv/%s', and nothing is taken away with that: unmount it first"):format(at)
    t.equal({ problem, verdict }, { why, { impossible = why } })
  end
  t.equal({ refusals({ ["/srv"] = { "dd", "e" } }, nil, { force = true, surplus = { "in" } }) }, { "nil" })
end)

t.case("one that Neap has made, and on which others have mounted something, stays on a way back", function()
  local change = { kind = "delete", from = {}, differs = {}, resource = { attrs = {}, leaves = true } }
  local verdict = directory.rollback.look(host_of({}, {}, { ["/srv"] = { "d" } }), "/srv/d", change, {}, Model.new())
  t.matches(verdict.stays, "something is mounted on '/srv/d'")
end)

t.case("nothing comes back while something is mounted where it is kept", function()
  local mounted = { ["/var/lib/neap/kept"] = { "%2Fsrv/b/mnt" } }
  local before = { state = false, options = { force = true } }
  local host = host_of({ ["/var/lib/neap/kept/%2Fsrv/d"] = THERE }, {}, mounted)
  local verdict = directory.rollback.look(host, "/srv/d", change_of(nil, { mode = "0755" }, before), {}, Model.new())
  t.matches(verdict.impossible, "something is mounted on '/var/lib/neap/kept/%%2Fsrv/b/mnt'")
  host = host_of({ ["/var/lib/neap/kept/%2Fd/a"] = THERE }, { ["/d"] = {} }, mounted)
  verdict = directory.rollback.look(host, "/d", change_of({ mode = "0755", surplus = {} }, { surplus = { "a" } }), {}, Model.new())
  t.matches(verdict.impossible, "unmount it first")
end)

t.case("a command before it may unmount what is in the way", function()
  local model = Model.new()
  model.sweeps = true
  local change = { kind = "delete", from = { force = true, surplus = { "in" } }, differs = {}, resource = { attrs = {} } }
  t.equal(directory.foresee_delete(host_of({}, {}, { ["/srv"] = { "d" } }), "/srv/d", change, model), nil)
end)

t.case("what a purge takes is not there for those that come later", function()
  local model = Model.new(heard { stat = { ["/d/x"] = THERE, ["/d/x/y"] = THERE, ["/d/z"] = THERE }, list = { ["/d"] = { "x", "z" } } })
  local change = change_of({ mode = "0755", surplus = { "x" } }, { purge = true, surplus = {} })
  directory.effects("/d", change, model)
  t.equal({ (model:get("stat", { "/d/x" })), (model:get("stat", { "/d/x/y" })) }, {})
  t.equal({ model:get("stat", { "/d/z" }).kind, (model:get("list", { "/d" })) }, { "directory", { "z" } })
end)

t.case("what comes back with a directory is not known in detail", function()
  local model = Model.new(heard { stat = { ["/d"] = false, ["/d/x"] = false, ["/dd"] = false } })
  directory.effects("/d", change_of(nil, { restore = true }), model)
  t.equal(model:edit("stat", "/d/x").unknown, "it comes back with directory:/d")
  t.equal({ model:get("stat", { "/d" }).kind, model:edit("stat", "/dd") }, { "directory" })
end)

t.case("of what is still there nothing comes back, and it stays known", function()
  local model = Model.new(heard { stat = { ["/d/a"] = THERE, ["/d/b"] = false }, list = { ["/d"] = { "a" } } })
  directory.effects("/d", change_of({ surplus = { "a" } }, { surplus = { "a", "b" } }), model)
  t.equal({ model:get("stat", { "/d/a" }), model:edit("stat", "/d/b").unknown ~= nil }, { THERE, true })
  t.equal((model:get("list", { "/d" })), { "a", "b" })
end)

t.case("a thing that comes or goes is listed, or not any more", function()
  local model = Model.new(heard { list = { ["/d"] = { "a", "c" } } })
  model:list_paths({ "/d/b", "/e/x" }, true)
  t.equal((model:get("list", { "/d" })), { "a", "b", "c" })
  model:list_paths({ "/d/a" }, false)
  t.equal((model:get("list", { "/d" })), { "b", "c" })
end)

t.case("what goes out of a directory by the thousand is gone one by one", function()
  local names, asked = {}, { stat = {}, list = {} }
  for i = 1, 3000 do
    names[i] = ("f%04d"):format(i)
    asked.stat["/d/" .. names[i]] = THERE
  end
  asked.list["/d"] = { "keep", table.unpack(names) }
  local model = Model.new(heard(asked))
  directory.effects("/d", change_of({ surplus = names }, { purge = true, surplus = {} }), model)
  t.equal((model:get("list", { "/d" })), { "keep" })
  t.equal({ model:is_gone "/d/f0001", model:is_gone "/d/f3000/x", model:is_gone "/d/keep", (model:get("stat", { "/d/f0007" })) },
    { true, true, false })
end)

t.case("what a purge is the first to find is kept as it was", function()
  local old = { state = { mode = "0755" } }
  t.equal(lasting.first(directory, old, old, { mode = "0755", surplus = { "a" }, force = true }), { surplus = { "a" } })
end)

t.case("what is Neap's in a directory is no part of what others had there", function()
  local recorded = { ["resources/file/d/ours.json"] = "{}", ["resources/file/d/deep/x.json"] = "{}", ["resources/file/dd.json"] = "" }
  local found = { mode = "0755", surplus = { "ours", "deep", "theirs" } }
  t.equal(lasting.foreign("/d", found, recorded), { mode = "0755", surplus = { "deep", "theirs" } })
  t.equal(lasting.foreign("/d", { spared = { "ours", "in" } }, recorded), { spared = { "in" } })
  t.equal(lasting.foreign("/d", { mode = "0755" }, recorded), { mode = "0755" })
  t.equal(lasting.foreign("/d", false, recorded), false)
end)

t.case("what was spared and is there stays so, though it has a resource of its own that goes", function()
  local host = host_of({ ["/d"] = THERE }, { ["/d"] = { "in", "x" } })
  local want = { purge = true, surplus = {}, spared = { "in" }, keep = { "in" }, within = { "in" } }
  local change = change_of(directory.probe(host, "/d", want), want)
  t.equal({ change.kind, change.differs.surplus }, { "update", true })
  t.equal(directory.rollback.look(host, "/d", change, { staying = { directory = { "/d/in" } } }, Model.new()), nil)
end)

t.case("of what lies below a recorded directory and is to be away, only what was spared then is kept", function()
  local function kept_of(spared)
    local attrs = { purge = true, spared = spared }
    directory.adopt("/d", attrs, { "/d/there/x" }, { "/d/in/x", "/d/x" })
    return attrs.keep
  end
  t.equal({ kept_of(nil), kept_of { "in" } }, { { "there", "x" }, { "in", "there", "x" } })
end)
