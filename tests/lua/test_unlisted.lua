--- Recorded hosts that the inventory no longer has, as a rollback names them.
local t = require "harness"
local unlisted = require "neap.engine.unlisted"

-- What a state repository lists: at "then" n1 and old have resources, at "now" n1, n2 and four more; gone has none.
local TREES = {
  ["then"] = { n1 = true, old = true, gone = false },
  now = { a = true, b = true, c = true, d = true, gone = false, n1 = true, n2 = true, old = false },
}
local st = {}
function st.list(_, rev, dir)
  local host, names = dir:match("^hosts/([^/]*)/resources$"), {}
  if host then return { TREES[rev][host] and { name = "file" } or nil } end
  for name in pairs(TREES[rev]) do names[#names + 1] = { name = name } end
  table.sort(names, function(a, b) return a.name < b.name end)
  return names
end

local ALL = { "a", "b", "c", "d", "n1", "n2" }
-- { which hosts the inventory has, -l, what is gone back to, which are named, how many }
for i, case in ipairs {
  { ALL, nil, nil }, { ALL, nil, "then", "old", 1 }, { ALL, { "n1" }, "then" },
  { { "a", "b", "c", "d" }, nil, nil, "n1, n2", 2 }, { { "b", "c", "d" }, nil, nil, "a, n1, n2", 3 },
  { {}, nil, nil, "a, b, c and 3 more", 6 }, { {}, nil, "then", "a, b, c and 4 more", 7 },
} do
  t.case("recorded hosts that the inventory does not have are named by a rollback: " .. i, function()
    local by_name, said, event = {}, nil, nil
    for _, name in ipairs(case[1]) do by_name[name] = {} end
    unlisted.tell({
      opts = { limit = case[2] }, inventory = { by_name = by_name },
      ui = { err = function(_, text) said = text end, event = function(_, one) event = one end },
    }, st, "now", case[3])
    t.equal({ said and said:match("^recorded, and not looked at, .*: (.*)$"), event and #event.hosts }, { case[4], case[5] })
  end)
end
