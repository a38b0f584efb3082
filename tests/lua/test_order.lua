local t = require "harness"
local order = require "neap.engine.order"

local PACKAGE, PIP, FILE = { name = "package", batch = true }, { name = "pip", batch = true }, { name = "file" }
local TYPES = { p = PACKAGE, q = PIP, f = FILE }

-- "p1 f1 p2<f1" declares package p1, file f1 and package p2, which needs f1.
local function parse(text)
  local list = {}
  for word in text:gmatch("%S+") do
    local id, needs = word:match("^(%w+)<?(.*)$")
    local resource = { id = id, rtype = TYPES[id:sub(1, 1)], needs = {}, where = "site.lua:" .. #list + 1 }
    for need in needs:gmatch("%w+") do table.insert(resource.needs, need) end
    list[#list + 1] = resource
  end
  return list
end

local function show(sorted)
  local words, transaction = {}, nil
  for _, resource in ipairs(sorted) do
    if resource.transaction and resource.transaction ~= transaction then words[#words + 1] = "[" end
    words[#words + 1] = resource.id
    transaction = resource.transaction
  end
  return table.concat(words, " ")
end

-- { name, declared, ordered ("[" begins a transaction) }
local cases = {
  { "as declared", "f1 f2 f3", "f1 f2 f3" },
  { "what is needed is drawn forward", "f1<f3 f2 f3", "f3 f1 f2" },
  { "with all that it needs itself", "f1<f4 f2 f3 f4<f3", "f3 f4 f1 f2" },
  { "packages come together where the first stands", "f1 p1 f2 p2 f3 p3", "f1 [ p1 p2 p3 f2 f3" },
  { "what a package needs comes before all of them", "p1 f1 f2 p2<f2", "f2 [ p1 p2 f1" },
  { "what needs a package comes after", "f1<p2 p1 f2 p2", "[ p1 p2 f1 f2" },
  { "two transactions where a file stands between", "p1 f1<p1 p2<f1 p3", "[ p1 p3 f1 [ p2" },
  { "the third joins the second", "p1 f1<p1 p2<f1 p3<f1 f2 p4", "[ p1 p4 f1 [ p2 p3 f2" },
  { "packages that need each other are apart", "p1 p2<p1 p3", "[ p1 p3 [ p2" },
  { "two batching types", "p1 q1 p2 q2 f1", "[ p1 p2 [ q1 q2 f1" },
  { "two batching types across each other", "p1 q1<p1 q2 p2<q2", "[ q2 [ p1 p2 [ q1" },
}
for _, case in ipairs(cases) do
  t.case("order: " .. case[1], function() t.equal(show(order.sort(parse(case[2]), "web1")), case[3]) end)
end

t.case("a package comes after the sources that are declared before it, unless they need it", function()
  local link = require "neap.engine.link"
  local source = { name = "source", supplies = "package", attributes = {} }
  local package = { name = "package", batch = true, attributes = {} }
  local function needs(...)
    local list, by_id = {}, {}
    for i, word in ipairs { ... } do
      local id, after = word:match("^(%w+)<?(%w*)$")
      local rtype = id:find("^s") and source or package
      list[i] = { id = id, type = rtype.name, rtype = rtype, meta = { after = after ~= "" and { after } or nil }, mentions = {} }
      by_id[id] = list[i]
    end
    link.all(list, by_id, { host = "h", types = {} }, {})
    local out = {}
    for i, resource in ipairs(list) do out[i] = table.concat(resource.needs, ",") end
    return out
  end
  t.equal(needs("p1", "s1", "p2"), { "", "", "s1" })
  t.equal(needs("p1", "s1<p2", "p2"), { "", "p2", "" })
end)

t.case("a circle is named with its places", function()
  t.raises(function() order.sort(parse "f1 f2<f3 f3<f4 f4<f2") end,
    "^site.lua:2: the order is a circle: f2 %(site.lua:2%) needs f3 %(site.lua:3%) needs f4 %(site.lua:4%) needs f2$")
end)

t.case("a resource that needs itself is a circle", function()
  t.raises(function() order.sort(parse "f1<f1") end, "f1 %(site.lua:1%) needs f1$")
end)

t.case("any order found keeps what is needed before what needs it, and no more transactions than levels", function()
  math.randomseed(3)
  for _ = 1, 300 do
    local words, count = {}, math.random(2, 14)
    for i = 1, count do
      local word = (math.random(2) == 1 and "p" or math.random(4) == 1 and "q" or "f") .. i
      words[i] = word
    end
    local list = parse(table.concat(words, " "))
    local place = {}
    for i = 1, count do place[i] = i end
    for i = count, 2, -1 do
      local j = math.random(i)
      place[i], place[j] = place[j], place[i]
    end
    -- Needs only point to a lower place, so that there is no circle.
    for i = 1, count do
      for j = 1, count do
        if place[j] < place[i] and math.random(5) == 1 then table.insert(list[i].needs, list[j].id) end
      end
    end
    local sorted, at = order.sort(list, "h"), {}
    t.equal(#sorted, count)
    for i, resource in ipairs(sorted) do at[resource.id] = i end
    for _, resource in ipairs(list) do
      for _, need in ipairs(resource.needs) do t.truthy(at[need] < at[resource.id], need .. " before " .. resource.id) end
    end
  end
end)
