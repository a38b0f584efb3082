--- Numbers of accounts that change places on a way back: who has one that another is to have makes room.
local t = require "harness"
local Model = require "neap.engine.model"
local fake = require "fake_host"
local rollback = require "neap.engine.rollback"

local types = { user = require "neap.types.user", group = require "neap.types.group" }

-- A host with these lines of the user database, asked against a model of it.
local function host_of(lines)
  local heard = {}
  for _, said in ipairs(lines) do
    local database, line = said:match("^(%a+) (.*)$")
    local name, number = line:match("^([^:]*):[^:]*:(%d+)")
    for _, key in ipairs { name, number } do heard[database .. "\0" .. key] = { answer = line } end
  end
  local model = Model.new { getent = heard, stat = { ["/home/bob/f"] = { answer = { owner = "bob", uid = 8 } } } }
  return {
    getent = function(_, database, key) return (model:get("getent", { database, tostring(key) })) end,
    stat = function() return { kind = "directory" } end, -- a home is there
  }, model
end

local BOB, ADA, EVE = "passwd bob:x:8:8::/home/bob:/bin/sh", "passwd ada:x:7:7::/home/ada:/bin/sh", "passwd eve:x:59999:1::/:/bin/sh"
local UID, GID = { ["uid 8"] = true }, { ["gid 8"] = true }

-- { what, lines, type, from, to, the numbers that are given up, the verdict, what the steps begin with }
for _, case in ipairs {
  { "a free one", { ADA }, "user", { uid = 7 }, { uid = 8 }, {}, nil, "usermod -u 8 ada" },
  { "its own", { ADA }, "user", { uid = 7 }, { uid = 7, shell = "/x" }, {}, nil, "usermod -s /x ada" },
  { "that of one who gets another", { ADA, BOB }, "user", { uid = 7 }, { uid = 8 }, UID,
    { note = "uid 8 is that of 'bob', who takes 59999 until he gets another" },
    "usermod -u 59999 bob || exit 1\nusermod -u 8 ada" },
  { "the same where the third number is taken", { ADA, BOB, EVE }, "user", { uid = 7 }, { uid = 8 }, UID,
    { note = "uid 8 is that of 'bob', who takes 59998 until he gets another" },
    "usermod -u 59998 bob || exit 1\nusermod -u 8 ada" },
  { "that of one who stays as he is", { ADA, BOB }, "user", { uid = 7 }, { uid = 8 }, {},
    { impossible = "uid 8 is that of 'bob'" } },
  { "that of one who stays, for one who comes back", { BOB }, "user", nil, { uid = 8, homed = "own" }, GID,
    { impossible = "uid 8 is that of 'bob'" } },
  { "that of one who had it with him", { BOB }, "user", nil, { uid = 8, sharing = { "bob" }, homed = "own" }, {}, nil,
    "if getent group ada" },
  { "that of one who did not have it with him", { BOB }, "user", nil, { uid = 8, sharing = { "eve" }, homed = "own" }, {},
    { impossible = "uid 8 is that of 'bob'" } },
  { "that of one who had it with him, from another", { ADA, BOB }, "user", { uid = 7 }, { uid = 8, sharing = { "bob" } },
    {}, nil, "usermod -u 8 -o ada" },
  { "one who comes back", { BOB }, "user", nil, { uid = 8, create_home = false }, UID,
    { note = "uid 8 is that of 'bob', who takes 59999 until he gets another" }, "usermod -u 59999 bob || exit 1\n" },
  { "that of the own group of another", { ADA, "group bob:x:8:", "group ada:x:7:" }, "user", { uid = 7, own_gid = 7 },
    { uid = 7, own_gid = 8 }, GID, { note = "gid 8 is that of 'bob', who takes 59999 until he gets another" },
    "groupmod -g 59999 bob || exit 1\ngid=" },
  { "a group's", { "group bob:x:8:eve", "group ada:x:7:" }, "group", { gid = 7 }, { gid = 8 }, GID,
    { note = "gid 8 is that of 'bob', who takes 59999 until he gets another" },
    "groupmod -g 59999 bob || exit 1\ngroupmod -g 8 ada" },
  { "that of a group that stays", { "group bob:x:8:", "group ada:x:7:" }, "group", { gid = 7 }, { gid = 8 }, {},
    { impossible = "gid 8 is that of 'bob'" } },
} do
  t.case("a number that is wanted then: " .. case[1], function()
    local host, model = host_of(case[2])
    local rtype, differs = types[case[3]], {}
    for name, value in pairs(case[5]) do differs[name] = value ~= (case[4] or {})[name] or nil end
    local change = {
      kind = case[4] and "update" or "create", from = case[4], to = case[5], differs = differs, resource = { key = "ada" },
    }
    t.equal(rtype.rollback.look(host, "ada", change, { given_up = case[6] }, model), case[7])
    local step = case[8] and rtype.steps("ada", change)[1]
    if step then t.equal(step:sub(1, #case[8]), case[8]) end
  end)
end

t.case("who has made room has the third number by then, with all that he has, and has his turn once", function()
  local host, model = host_of { ADA, BOB, "passwd ida:x:6:6::/:/bin/sh" }
  local back = { given_up = UID }
  local function look()
    return types.user.rollback.look(host, "ada", { from = { uid = 7 }, to = { uid = 8 }, resource = { key = "ada" } }, back, model)
  end
  t.truthy(look().note)
  t.equal(host:getent("passwd", "bob"), "bob:x:59999:8::/home/bob:/bin/sh")
  t.equal(model:get("stat", { "/home/bob/f" }), { owner = "bob", uid = 59999 })
  t.equal(look(), nil)
  model:set("getent", { "passwd", "bob" }, "bob:x:8:8::/home/bob:/bin/sh")
  t.equal(look(), { impossible = "uid 8 is that of 'bob'" })
end)

t.case("the types are told which numbers are given up by accounts that stay", function()
  local self = { types = { get = function(_, name) return types[name] end }, permissions = {} }
  local function at(ada, bob, eve)
    return fake.recorded { { "user:ada", { uid = ada }, false }, { "user:bob", { uid = bob }, false }, { "user:eve", eve, false } }
  end
  local list = rollback.compose(self, {}, at(7, 8, { uid = 9 }), at(8, 7, false)).list
  t.equal(list[1].back.given_up, { ["uid 7"] = true, ["uid 8"] = true })
end)
