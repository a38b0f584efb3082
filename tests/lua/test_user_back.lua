--- Users on a way back: what of theirs is left when the plan gets there.
local t = require "harness"
local Model = require "neap.engine.model"
local group = require "neap.types.group"
local release = require "neap.types.release"
local user = require "neap.types.user"
local user_back = require "neap.user_back"

local FILE = { kind = "file", owner = "ada" }

-- What becomes of a user who holds these files: the verdict of his way back.
local function verdict(files, prepare, more)
  local model = Model.new { stat = {} }
  prepare(model)
  local host = { holdings = function() return { processes = {}, files = files, more = more } end }
  local change = { kind = "delete", from = { home = "/home/ada" }, resource = { attrs = {}, leaves = true } }
  return user_back.look(host, "ada", change, { remove_homes = true }, model)
end

for _, case in ipairs {
  { "a file that stays", { "/f" }, function() end, "is locked and not removed, since it owns /f" },
  { "a file that goes", { "/f" }, function(model) model:set("stat", { "/f" }, nil) end },
  { "a file that is another's by then", { "/f" }, function(model) model:set("stat", { "/f" }, { owner = "bob" }) end },
  { "a file of which nobody knows", { "/f" }, function(model) model:forget("stat", { "/f" }) end, "it owns /f" },
  { "what is in a directory that goes", { "/d/f", "/d" }, function(model) model:clear_paths { "/d" } end },
  { "what is in a release that goes", { "/app/releases/1/f" },
    function(model) release.effects("/app", { kind = "delete" }, model) end },
  { "what is made again where something goes", { "/d/f" },
    function(model) model:clear_paths { "/d" } model:set("stat", { "/d/f" }, FILE) end, "it owns /d/f" },
  { "more than was looked at", { "/d/f" }, function(model) model:clear_paths { "/d" } end,
    "it owns more than can be looked through", true },
} do
  t.case(case[1], function()
    local found = verdict(case[2], case[3], case[5])
    if case[4] then return t.matches(found.note, case[4]) end
    t.equal(found, nil)
  end)
end

t.case("what is another's in the end keeps nobody, though it has to wait until he is gone", function()
  local host = { holdings = function() return { processes = {}, files = { "/d", "/f" } } end }
  local change = { kind = "delete", from = { home = "/home/ada" }, resource = { attrs = {}, leaves = true } }
  local function note(owners)
    local said = user_back.look(host, "ada", change, { owners = owners }, Model.new { stat = {} })
    return said and said.note
  end
  t.equal(note { ["/d"] = "root", ["/f"] = "bob" }, nil)
  t.equal(note { ["/d"] = "root", ["/f"] = "ada" }, "is locked and not removed, since it owns /f")
end)

t.case("what is in the home of one who gets his number is not his", function()
  local asked
  local host = { holdings = function(_, ...) asked = { ... } return { processes = {}, files = {} } end }
  local change = { kind = "delete", from = { home = "/home/ada", uid = 7 }, resource = { attrs = {}, leaves = true } }
  local back = { takers = { ["uid 7"] = { attrs = { home = "/home/bob" } } } }
  t.equal(user_back.look(host, "ada", change, back, Model.new { stat = {} }), nil)
  t.equal(asked, { "ada", "/home/ada", "/home/bob" })
end)

t.case("one who was to be absent then is removed, whatever he owns", function()
  local host = { holdings = function() return { processes = {}, files = { "/f" } } end }
  local change = { kind = "delete", from = { home = "/home/ada" }, resource = { attrs = {} } }
  local found = user_back.look(host, "ada", change, {}, Model.new { stat = {} })
  t.equal(found, { note = "is removed, as it was then, though it owns /f" })
end)

t.case("the group of one who is only closed stays with him, and stays recorded", function()
  local line = "ada:x:7:8::/home/ada:/bin/sh"
  local model = Model.new { getent = { ["passwd\0ada"] = { answer = line } } }
  local from, to = { group = "ops", disabled = false }, { group = "ops", disabled = true }
  user.effects("ada", { kind = "update", from = from, to = to, differs = { disabled = true } }, model)
  local host = { run = function() return { out = line .. "\n" } end }
  local found = group.rollback.look(host, "ops", { kind = "delete", from = { gid = 8 } }, nil, model)
  t.equal(found, { stays = "it is the group of user 'ada', who stays", keeps = true })
end)

t.case("the groups of one who is in a group that comes back are in their order, as the host is asked for them", function()
  local model = Model.new { groups = { ada = { answer = { "users" } } } }
  group.effects("ops", { kind = "create", to = { gid = 7, members = { "ada" } } }, model)
  t.equal((model:get("groups", { "ada" })), { "ops", "users" })
end)

t.case("one who is made again has a home if he had one", function()
  t.equal(user_back.wanted("ada", { homed = false }).create_home, false)
  t.equal(user_back.wanted("ada", {}).create_home, nil)
end)

-- { what, from, keys of groups that are there in the end, what follows userdel }
for _, case in ipairs {
  { "the own group goes with him", { own_gid = 7, group = "ada" }, {}, "userdel ada" },
  { "and where he had another in the end", { own_gid = 7, group = "ops" }, {}, "userdel ada && .*groupdel ada" },
  { "but stays where it is to be there", { own_gid = 7, group = "ops" }, { "ada" }, "userdel ada && .*groupadd %-g 7 ada" },
} do
  t.case("a user who goes: " .. case[1], function()
    local change = { kind = "delete", from = case[2], resource = { leaves = true, back = { staying = { group = case[3] } } } }
    local steps = require("neap.types.user").steps("ada", change)
    t.matches(steps[1], "^" .. case[4])
    t.equal(steps[1]:find("&&") ~= nil, case[4]:find("&&") ~= nil)
  end)
end

-- { what, the group of his name that is there, what is wanted, what is said }
local WITHOUT = { own_group = false }
for _, case in ipairs {
  { "his own", nil, {} }, { "his own by its name", nil, { group = "ada" } }, { "one is there", "ada:x:7:", {}, WITHOUT },
  { "he has another", nil, { group = "ops" }, WITHOUT }, { "his own comes back", nil, { group = "ops", own_gid = 7 } },
  { "he is to be absent, and one is there", "ada:x:7:", nil, WITHOUT }, { "he is to be absent", nil, nil },
} do
  t.case("what is around a user who is not there: " .. case[1], function()
    local host = { getent = function(_, database) return database == "group" and case[2] or nil end }
    host.expect = function() end
    t.equal({ user.probe(host, "ada", case[3]) }, { nil, case[4] })
  end)
end

t.case("a group that has not come with a user stays when he goes, and the model knows it", function()
  local line = "ada:x:7:"
  for _, primary in ipairs { "ada", "ops" } do
    local model = Model.new { getent = { ["group\0ada"] = { answer = line } } }
    local change = { kind = "delete", from = { own_gid = 7, group = primary },
      resource = { leaves = true, back = {}, before = { around = WITHOUT } } }
    user.effects("ada", change, model)
    t.equal((model:get("getent", { "group", "ada" })), line)
    local run = user.steps("ada", change)[1]
    t.equal({ run:find("groupdel", 1, true), (run:match("groupadd %-g 7 ada")) }, { nil, "groupadd -g 7 ada" })
  end
end)

t.case("a user who was to be absent then leaves the group of his name, as by an apply", function()
  local change = { kind = "delete", from = { group = "ops", own_gid = 7 }, resource = { back = {} } }
  t.equal(require("neap.types.user").steps("ada", change), { "userdel ada" })
end)

-- A host on which nothing is held, and these are mounted below /home, as the kernel writes them.
local function host_with(mounted)
  return {
    holdings = function() return { processes = {}, files = {} } end, processes = function() return {} end,
    run = function(_, script)
      t.matches(script, "\ncd %-P %-%- '?/home'? ")
      return { rc = 0, out = mounted, err = "" }
    end,
  }
end

-- { whose the home is, what is run, what is said }
local STAYS = "home and mail stay: /home/ada is not his"
for _, case in ipairs {
  { "own", "userdel -r ada" }, { false, "userdel -r ada" }, { "another's", "userdel ada", STAYS },
} do
  t.case("a home that is to go with its user, and is " .. tostring(case[1]), function()
    local function going(back)
      local attrs = { remove_home = not back or nil }
      return { kind = "delete", notes = {}, resource = { attrs = attrs, leaves = true, back = back },
        from = { home = "/home/ada", homed = case[1], remove_home = attrs.remove_home } }
    end
    local model, host = Model.new { stat = {} }, host_with ""
    local back, apply = going { remove_homes = true }, going()
    local said = user_back.look(host, "ada", back, back.resource.back, model)
    user.foresee_delete(host, "ada", apply, model)
    t.equal({ said and said.note, apply.notes[1] }, { case[3], case[3] })
    for _, steps in ipairs { user.steps("ada", back), user.steps("ada", apply) } do
      local check, run = steps[1]:match("^(.-)([^\n]*)$")
      t.equal({ #steps, run }, { 1, case[2] })
      t.equal(check:find('unmounted "$top" "$n" ) || exit\n', 1, true) ~= nil, case[1] == "own")
      t.equal(check ~= "", case[1] == "own")
    end
    local why = case[1] == "own" and "something is mounted on '/home/ada/vol'" or nil
    local mounted, refused = host_with "ada/vol\n", going { remove_homes = true }
    local said_of = user_back.look(mounted, "ada", refused, refused.resource.back, model)
    t.matches(said_of and said_of.impossible or "none", why or "^none$")
    local _, problem = pcall(user.foresee_delete, mounted, "ada", going(), model)
    t.matches(tostring(problem), why or "^nil$")
  end)
end

-- { what his home was, what is there now, what is said where he is recorded as absent, and where he is not recorded }
local LOST = "what was in his home was not kept"
for _, case in ipairs {
  { "own", nil, { barrier = LOST }, { note = LOST } }, { "own", { kind = "directory" } }, { false }, { "another's" }, {},
} do
  t.case("a home that went, of one who comes back: " .. tostring(case[1]) .. (case[2] and ", there" or ""), function()
    local host = { stat = function() return case[2] end, expect = function() end, content = function() end,
      list = function() end, getent = function() end }
    local function said(before)
      local to = { home = "/home/ada", homed = case[1], create_home = case[1] and true or false, uid = 7 }
      local resource = { key = "ada", attrs = to, before = before }
      local change = { kind = "create", to = to, resource = resource, differs = {} }
      return user_back.look(host, "ada", change, {}, Model.new { stat = {} })
    end
    t.equal({ said { state = false }, (said(nil)) }, { case[3], case[4] })
  end)
end
