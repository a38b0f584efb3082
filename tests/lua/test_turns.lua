--- In which order a way back takes what goes and what comes back: by what needs what, then and until then.
local t = require "harness"
local fake = require "fake_host"
local rollback = require "neap.engine.rollback"
local Types = require "neap.engine.types"

local self = { types = Types.new(), permissions = {} }

-- Entries { id, state, genesis, meta }, in order.
local function recorded(entries) return fake.recorded(entries, "meta") end
local ids = fake.told

-- { what, now, then, the order }
for _, case in ipairs {
  { "a file that comes back comes after its owner, who comes back too",
    { { "user:ada", false, { uid = 7 } }, { "file:/a", { owner = "root" }, { owner = "ada" } } }, {},
    "user:ada file:/a" },
  { "a file comes after the user who brings the group of his name",
    { { "file:/a", { group = "root" }, false } },
    { { "file:/a", { group = "ada" }, false }, { "user:ada", { uid = 7 }, false } }, "user:ada file:/a" },
  { "a user goes after the files that others own then",
    { { "user:ada", { uid = 7 }, false }, { "file:/a", { owner = "ada" }, false } },
    { { "user:ada", false, false }, { "file:/a", { owner = "root" }, false } }, "file:/a -user:ada" },
  { "a group goes after the user who leaves it",
    { { "group:ops", { gid = 7 }, false }, { "user:ada", { group = "ops" }, false } },
    { { "group:ops", false, false }, { "user:ada", { group = "ada" }, false } }, "user:ada -group:ops" },
  { "a file that was there before Neap comes after its directory, which comes back",
    { { "directory:/d", false, false }, { "file:/d/f", false, {} } }, { { "directory:/d", {}, false } },
    "directory:/d file:/d/f" },
  { "an account goes when what it owned belongs to others again",
    { { "user:new", { uid = 7 }, false }, { "file:/a", { owner = "new" }, {} } },
    { { "file:/a", { owner = "old" }, {} }, { "user:old", { uid = 6 }, false } },
    "user:old file:/a -user:new" },
  { "and before another takes its number", { { "user:new", { uid = 7 }, false } },
    { { "file:/a", {}, {} }, { "user:old", { uid = 7 }, false } }, "file:/a -user:new user:old" },
  { "a number is free when the account that has it takes another",
    { { "user:ada", { uid = 7 }, false }, { "user:bob", { uid = 8 }, false } },
    { { "user:ada", { uid = 8 }, false }, { "user:bob", { uid = 9 }, false } }, "user:bob user:ada" },
  { "a group gets its number back after the user who leaves it, whose home has the one until then",
    { { "group:ops", { gid = 8 }, { gid = 7 } }, { "user:ada", { group = "ops" }, false } },
    { { "group:ops", { gid = 7 }, { gid = 7 } }, { "user:ada", { group = "ada" }, false } }, "user:ada group:ops" },
  { "and so, too, where he stays in it beside another",
    { { "group:ops", { gid = 8 }, { gid = 7 } }, { "user:ada", { group = "ops" }, false } },
    { { "group:ops", { gid = 7 }, { gid = 7 } }, { "user:ada", { group = "ada", groups = { "ops" } }, false } },
    "user:ada group:ops" },
  { "and where he is in it twice, as in his own and as in a further one",
    { { "group:ops", { gid = 8 }, { gid = 7 } }, { "user:ada", { group = "ops", groups = { "ops" } }, false } },
    { { "group:ops", { gid = 7 }, { gid = 7 } }, { "user:ada", { group = "ada" }, false } }, "user:ada group:ops" },
  { "a user whose own group it is to be comes after the number that it gets, though he is in it, too",
    { { "group:ops", { gid = 8 }, { gid = 7 } }, { "user:ada", false, { group = "ops", groups = { "ops" } } } },
    { { "group:new", { gid = 8 }, false } }, "group:ops user:ada group:new" },
  { "a group whose number another takes goes before it, though a file has it until then",
    { { "group:new", { gid = 7 }, false }, { "directory:/d", { group = "new" }, false } },
    { { "directory:/d", { group = "old" }, false }, { "group:old", { gid = 7 }, false } },
    "-group:new group:old directory:/d" },
  { "numbers that change places stand in a circle, and stay as they are",
    { { "user:ada", { uid = 7 }, false }, { "user:bob", { uid = 8 }, false } },
    { { "user:ada", { uid = 8 }, false }, { "user:bob", { uid = 7 }, false } }, "user:bob user:ada" },
  { "a line that was there before Neap comes after the one below which it stood",
    { { "line:b", false, { path = "/f", line = "b", stood = "a\n" } }, { "line:a", { path = "/f", line = "x" }, false } },
    { { "line:a", { path = "/f", line = "a" }, false } }, "line:a line:b" },
  { "and after the one below which a part of it stood",
    { { "line:b", false, { path = "/f", line = "b\nc", stood = "", apart =
      '[{"stood":"","text":"b\\n"},{"stood":"a\\n","text":"c\\n"}]' } }, { "line:a", { path = "/f", line = "x" }, false } },
    { { "line:a", { path = "/f", line = "a" }, false } }, "line:a line:b" },
  { "what watches comes after what it watches, though something draws it forward",
    { { "service:x", { running = true }, { running = true }, { restart_on = { "file:/a" } } },
      { "systemd_unit:x.service", { content = "" }, false }, { "file:/a", {}, false } },
    { { "file:/b", {}, false } }, "-file:/a -systemd_unit:x.service file:/b service:x" },
  { "what was overtaken comes after what overtook it, though it no longer needs what is to be away",
    { { "symlink:/x", { to = "/a" }, false }, { "file:/a", {}, false } },
    { { "file:/a", false, false }, { "symlink:/x", { occupied = "file" }, false },
      { "file:/x", {}, { occupied = "symlink", target = "/a" } } },
    "file:/x symlink:/x -file:/a" },
  { "what goes comes after the directory with which it may come back, where a purge has taken it",
    { { "directory:/d", { surplus = {} }, { spared = { "x" } } }, { "file:/d/x/y", false, false },
      { "file:/d/z/y", false, false } }, {}, "-file:/d/z/y directory:/d -file:/d/x/y" },
  { "and after one that was taken whole", { { "directory:/d", false, {}, options = { force = true } },
      { "file:/d/f", false, false } }, {}, "directory:/d -file:/d/f" },
  { "also where another kind of thing has stood there since",
    { { "directory:/d", { occupied = "symlink" }, {}, options = { force = true } }, { "file:/d/f", false, false } }, {},
    "directory:/d -file:/d/f" },
  { "a user in a group that stays does not wait for the number that it gets",
    { { "group:gold", { gid = 8 }, { gid = 7 } }, { "group:away", { gid = 9 }, false },
      { "user:old", { groups = { "gold", "away" } }, { groups = { "gold" } } }, { "user:ada", { group = "gold" }, false } },
    { { "group:new", { gid = 9 }, false }, { "user:ada", { group = "ada", groups = { "new" } }, false } },
    "user:old -group:away group:new user:ada group:gold" },
  { "nor does the number wait for him, where he goes",
    { { "group:ops", { gid = 8 }, { gid = 7 } }, { "user:ada", { uid = 7, groups = { "ops" } }, false },
      { "file:/a", { owner = "ada" }, {} } },
    { { "group:ops", { gid = 7 }, { gid = 7 } }, { "file:/a", {}, {} } }, "group:ops file:/a -user:ada" },
  { "a group that comes back comes after who was in it, where he is made anew",
    { { "group:ops", false, { gid = 7, members = { "ada", "bob" } } } },
    { { "user:ada", { uid = 7 }, false } }, "user:ada group:ops" },
  { "but before who is in it by its being his own",
    { { "group:ops", false, { gid = 7, members = { "ada" } } } }, { { "user:ada", { uid = 7, group = "ops" }, false } },
    "group:ops user:ada" },
  { "and does not wait for who is to be away", { { "group:ops", false, { gid = 7, members = { "ada" } } } },
    { { "user:ada", false, false } }, "group:ops -user:ada" },
  { "an account goes when another thing stands where one of its own stood",
    { { "user:ada", { uid = 7 }, false }, { "file:/x", { owner = "ada" }, false } },
    { { "user:bob", { uid = 7 }, false }, { "directory:/x", { force = true }, false } }, "directory:/x -user:ada user:bob" },
} do
  t.case(case[1], function()
    t.equal(ids(rollback.compose(self, {}, recorded(case[2]), recorded(case[3])).list), case[4])
  end)
end

t.case("a file that a prune brings back comes after its owner, whom the playbook gives another number", function()
  local now = recorded { { "file:/a", false, { owner = "ada" } } }
  local user = { id = "user:ada", type = "user", key = "ada", rtype = self.types:get "user", attrs = { uid = 8 }, meta = {}, needs = {} }
  local desired = { host = {}, list = { user }, by_id = { ["user:ada"] = user } }
  rollback.take_back(self, desired, now, { ["file:/a"] = true })
  t.equal(ids(desired.list), "user:ada file:/a")
end)

t.case("a line that comes back is below what another has put in the stead of what was above it", function()
  local now = recorded {
    { "line:a", { path = "/f", line = "a=2" }, { path = "/f", line = "a=1", stood = "" } },
    { "line:b", { path = "/f", line = "x" }, { path = "/f", line = "b\nc", stood = "a=1\n", apart =
      '[{"stood":"a=1\\n","text":"b\\n"},{"stood":"\\na=1\\n","text":"c\\n"}]' } },
  }
  local list = rollback.compose(self, {}, now, recorded { { "line:a", { path = "/f", line = "a=3" }, false } }).list
  t.equal({ ids(list), list[2].attrs.stood }, { "line:a line:b", "a=1\na=2\na=3\n" })
  t.matches(list[2].attrs.apart, '"\\na=1\\na=2\\na=3\\n"')
end)

t.case("what Neap has made elsewhere is not in the stead of what it took away", function()
  local now = recorded {
    { "line:a", { path = "/f", line = "a=2", stood = "z\n" }, { path = "/f", line = "a=1", stood = "m\n" } },
    { "line:b", { path = "/f", line = "x" }, { path = "/f", line = "b", stood = "a=1\n" } },
  }
  t.equal(rollback.compose(self, {}, now, recorded {}).list[2].attrs.stood, "a=1\n")
end)

t.case("a record that is not what its type knows tells nothing of others", function()
  local now = recorded {
    { "hosts_entry:10.0.0.1", { path = "/f", names = { "a" } }, { stood = "m\n" } },
    { "line:b", { path = "/f", line = "x" }, { path = "/f", line = "b", stood = "m\n" } },
  }
  t.equal(rollback.compose(self, {}, now, now).list[2].attrs.stood, nil)
end)

t.case("packages of one transaction stay together", function()
  local now = recorded {
    { "package:b", {}, false }, { "file:/a", {}, false }, { "package:a", {}, false }, { "package:c", {}, false },
  }
  local list = rollback.compose(self, {}, now, recorded { { "package:c", false, false } }).list
  t.equal(ids(list), "-package:c -package:a -file:/a -package:b")
  t.equal(list[1].transaction, list[2].transaction)
end)
