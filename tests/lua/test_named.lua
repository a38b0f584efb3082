--- Numbers that have got a name since a plan looked.
local t = require "harness"
local named = require "neap.engine.named"

local RTYPE = { attributes = { owner = {}, group = {}, mode = {} } }

-- { what, planned, found, what the host says of the number, what the plan saw then }
for _, case in ipairs {
  { "the number is that of the name", { group = "2601", mode = "0755" }, { group = "ada" }, "ada:x:2601:\n",
    { group = "ada", mode = "0755" } },
  { "the number is that of another", { group = "2601" }, { group = "ada" }, "bob:x:2601:\n", { group = "2601" } },
  { "the number is that of nobody", { owner = "2601" }, { owner = "ada" }, "", { owner = "2601" } },
  { "a name became another", { owner = "bob" }, { owner = "ada" }, nil, { owner = "bob" } },
  { "a number became another", { owner = "2601" }, { owner = "2602" }, nil, { owner = "2601" } },
  { "what was not there", nil, { owner = "ada" }, nil, nil },
  { "what is gone", { owner = "2601" }, nil, nil, { owner = "2601" } },
} do
  t.case(case[1], function()
    local conn = { request = function(_, request)
      t.truthy(case[4], "the host was asked")
      t.matches(request.script, "^getent %l+ 2601$")
      return { out = case[4] }
    end }
    t.equal(named.since(conn, RTYPE, case[2], case[3]), case[5])
  end)
end
