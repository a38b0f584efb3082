--- What goes back to what it was before Neap and stays recorded, since its owner or group has not got its number back.
local t = require "harness"
local fake = require "fake_host"
local rollback = require "neap.engine.rollback"
local verify = require "neap.engine.verify"
local Types = require "neap.engine.types"

local self = { types = Types.new(), permissions = {} }

local GOLD, SAME = { "group:gold", { gid = 8 }, { gid = 7 } }, { "group:gold", { gid = 7 }, { gid = 7 } }
local FILE, HIS = { "file:/f", { group = "ops" }, { group = "gold" } }, { "file:/f", {}, { owner = "ada" } }
local NEW, ADA = { "group:gold", { gid = 8 }, false }, { "user:ada", { uid = 8 }, { uid = 7 } }

-- { what, recorded now, recorded then, the account for which it stays recorded, the one without whom it stays as it is }
for _, case in ipairs {
  { "its group has another number", { GOLD, FILE }, { GOLD }, "group:gold" },
  { "it is to get one", { SAME, FILE }, { GOLD }, "group:gold" },
  { "it is to get one, and was not recorded", { FILE }, { GOLD }, "group:gold" },
  { "its owner has another number", { ADA, HIS }, { ADA }, "user:ada" },
  { "its group gets the old one back", { GOLD, FILE }, { SAME } },
  { "its group is left alone", { FILE }, {} },
  { "its group goes back, too", { GOLD, FILE }, {} },
  { "its owner is not to be there", { ADA, HIS }, { { "user:ada", false, { uid = 7 } } }, nil, "user:ada" },
  { "its group was not there before", { NEW, FILE }, { NEW } },
  { "it was not there before", { GOLD, { "file:/f", { group = "gold" }, false } }, { GOLD } },
  { "a user who is in it, by its name", { GOLD, { "user:ada", { uid = 9 }, { uid = 9, groups = { "gold" } } } }, { GOLD } },
} do
  t.case("what goes back: " .. case[1], function()
    local list = rollback.compose(self, {}, fake.recorded(case[2], "meta"), fake.recorded(case[3], "meta")).list
    local it
    for _, resource in ipairs(list) do it = resource.leaves and resource.id:find("^%a+:/?[fa]") and resource or it end
    t.equal({ it.kept_for or false, it.stuck or false }, { case[4] or false, case[5] or false })
    verify.let_go({ plan = { desired = { list = { it } } }, observed = { [it.id] = {} }, result = {} }, {})
    t.equal(it.left or false, case[4] == nil)
  end)
end
