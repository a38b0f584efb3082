--- The turns that resources take on a way back.
--
-- What goes and what comes back is put together from two orders: of what is recorded now, and of what was then. Neither
-- says how one of the first stands to one of the second, so each is held against what it needs:
--
--     what will be there     after what it needs then          a file that comes back   after the user who owns it
--     but not after what is there now and is needed by its name alone: a user and the further groups that he is in
--     what will be away      after what needs it until then    a group that goes        after the user who leaves it
--                            or after what takes the place of that
--     what gets another number, too                            a group whose users' homes keep the one that it had
--     what takes a number    after what has it until then      a user with a uid        after another who had it
--     a line                 after what writes the line below which it stood
--     what is to be away     after the directory with which it may come back
--     what was overtaken     after what stands in its place
--
-- What must come before another is drawn forward; else the order stays. In a circle the second of these gives way: a
-- group can go though files have its number, and another may take that before they belong to it. What still stands in
-- one stays as it was, and so do neighbours of a batching type: they are one transaction.

local difference = require "neap.engine.difference"
local place = require "neap.place"
local writers = require "neap.engine.writers"

local turns = {}

-- What is recorded of a resource now, as a type knows it; nil where it is not there.
local function attrs_now(entry)
  if not entry or not entry.state then return nil end
  return difference.overlay(entry.options, entry.state)
end

-- The set of what a function of the type lists for a state; empty where there is none.
local function set_of(resource, name, attrs)
  local set, list = {}, resource.rtype[name]
  for _, one in ipairs(attrs and list and list(resource.key, attrs) or {}) do set[one] = true end
  return set
end

-- The ids that a resource watches, or was said to come after.
local function add_said(set, resource)
  for name, ids in pairs(resource.absent and {} or resource.meta) do
    for _, id in ipairs((name == "after" or name:find("_on$")) and ids or {}) do set[id] = true end
  end
  for _, id in ipairs(resource.needs or {}) do set[id] = true end
end

local function facts_of(list, now)
  local facts = {}
  for i, resource in ipairs(list) do
    local want, is = not resource.absent and resource.attrs or nil, attrs_now(now.resources[resource.id])
    -- a part that its file is written over goes before that, and needs it no more
    local needy = not (resource.covered and resource.rtype.inside) and want or nil
    local fact = {
      said = {}, needs = set_of(resource, "depends", needy), needed = set_of(resource, "depends", is),
      by_name = set_of(resource, "by_name", needy), was_by_name = set_of(resource, "by_name", is), is_there = is ~= nil,
      takes = set_of(resource, "numbers", want), has = set_of(resource, "numbers", is),
      keeps = set_of(resource, "numbered", want), had = set_of(resource, "numbered", is),
    }
    add_said(fact.said, resource)
    for _, other in ipairs(resource.displaced or {}) do
      for id in pairs(set_of(other, "depends", attrs_now(now.resources[other.id]))) do fact.needed[id] = true end
    end
    facts[i] = fact
  end
  return facts
end

-- The places in the list: of each id, of what is to stand at each path, and of who has a number that is not to be kept.
local function index(list, facts)
  local of_id, of_path, of_number = {}, {}, {}
  for i, resource in ipairs(list) do
    of_id[resource.id] = i
    if not resource.absent and not resource.attrs.occupied then of_path[resource.key] = i end
    for number in pairs(facts[i].has) do
      if not facts[i].takes[number] then of_number[number] = i end
    end
  end
  return of_id, of_path, of_number
end

-- Whether i comes after j, be it by way of others.
local function is_after(before, i, j, seen)
  if before[i][j] then return true end
  seen[i] = true
  for k in pairs(before[i]) do
    if not seen[k] and is_after(before, k, j, seen) then return true end
  end
  return false
end

--- The numbers that accounts which stay have now and will not have then, { ["uid 7"] = true }, and who takes a number
-- that he does not have now, { ["uid 7"] = resource }.
-- @param list, now as for turns.sort
function turns.numbers(list, now)
  local given_up, takers = {}, {}
  for i, fact in ipairs(facts_of(list, now)) do
    for number in pairs(list[i].absent and {} or fact.has) do
      given_up[number] = given_up[number] or not fact.takes[number]
    end
    for number in pairs(fact.takes) do takers[number] = not fact.has[number] and list[i] or takers[number] end
  end
  return given_up, takers
end

-- Whether it has a number now that it will not have then.
local function is_renumbered(fact)
  for number in pairs(fact.has) do
    if not fact.takes[number] then return true end
  end
  return false
end

-- Whether what is there leaves an account to which something of its own belongs until then, and that account gets
-- another number: it has to go first, though it may need the account in another way then.
local function leaves(fact, id, other) return fact.had[id] and not fact.keeps[id] and is_renumbered(other) end

-- What will be away, or will have another number, after what needs it until then.
local function add_needed(before, list, facts, of_id)
  for i, fact in ipairs(facts) do
    for id in pairs(fact.needed) do
      local j = of_id[id]
      local moves = j and (list[j].absent or is_renumbered(facts[j]) and not fact.was_by_name[id])
      local is_left = moves and (not fact.needs[id] or leaves(fact, id, facts[j]))
      if is_left and not is_after(before, i, j, {}) then before[j][i] = true end
    end
  end
end

-- What is to be away, after what it may come back with.
local function add_returning(before, list)
  for j, directory in ipairs(list) do
    local returning = not directory.absent and directory.rtype.returning
    local paths = returning and returning(directory.key, directory.attrs, directory.before) or {}
    for i, resource in ipairs(paths[1] and list or {}) do
      for _, path in ipairs(resource.absent and paths or {}) do
        if place.lies_in(resource.key, path) then before[i][j] = true end
      end
    end
  end
end

-- before[i] = { [j] = true } of all j that come before i.
local function edges(list, facts)
  local of_id, of_path, of_number = index(list, facts)
  local before, lines = {}, {}
  for i, resource in ipairs(list) do
    before[i] = {}
    if not resource.absent then writers.add(lines, resource.rtype, resource.key, resource.attrs, i) end
  end
  local function wait(i, j)
    if j then before[i][j] = true end
  end
  for i, fact in ipairs(facts) do
    local above = list[i].absent and {} or writers.above(lines, list[i].rtype, list[i].key, list[i].attrs)
    for _, j in ipairs(above) do wait(i, j) end
    wait(i, list[i].attrs.occupied and of_path[list[i].key])
    for id in pairs(fact.said) do wait(i, of_id[id]) end
    for id in pairs(fact.needs) do
      local j = of_id[id]
      local may_wait = j and not list[j].absent and not facts[j].said[list[i].id] and not leaves(fact, id, facts[j])
      wait(i, may_wait and not (fact.by_name[id] and facts[j].is_there) and j)
    end
    for number in pairs(fact.takes) do wait(i, of_number[number]) end
  end
  add_returning(before, list)
  add_needed(before, list, facts, of_id)
  return before
end

-- Neighbours of one transaction are one node: node of each place, and the first and last place of each node.
local function nodes_of(list)
  local node, spans = {}, {}
  for i, resource in ipairs(list) do
    local last = list[i - 1]
    local together = last and resource.rtype.batch and last.rtype == resource.rtype and
      last.transaction == resource.transaction
    if not together then spans[#spans + 1] = { i, i } end
    spans[#spans][2], node[i] = i, #spans
  end
  return node, spans
end

-- The nodes that come before a node, in the order in which they stand.
local function waited_for(span, before, node)
  local set, list = {}, {}
  for i = span[1], span[2] do
    for j in pairs(before[i]) do set[node[j]] = true end
  end
  for one in pairs(set) do list[#list + 1] = one end
  table.sort(list)
  return list
end

--- The list in another order.
-- @param list resources that go back, and others of the same run, in the order in which they would be carried out
-- @param now what recorded.host() gives for HEAD
function turns.sort(list, now)
  local before = edges(list, facts_of(list, now))
  local node, spans = nodes_of(list)
  local sorted, seen = {}, {}
  local function visit(at)
    if seen[at] then return end
    seen[at] = true
    for _, other in ipairs(waited_for(spans[at], before, node)) do visit(other) end
    table.move(list, spans[at][1], spans[at][2], #sorted + 1, sorted)
  end
  for at in ipairs(spans) do visit(at) end
  return sorted
end

return turns
