local t = require "harness"
local json = require "neap.core.json"

local deep = "leaf"
for _ = 1, 100 do deep = { deep } end

local both_ways = {
  { "null", json.null, "null" },
  { "booleans", { true, false }, "[true,false]" },
  { "an integer stays one", 42, "42" },
  { "the largest integers", { math.maxinteger, math.mininteger }, "[9223372036854775807,-9223372036854775808]" },
  { "a float stays one", 1.0, "1.0" },
  { "the shortest form of a float", 0.1, "0.1" },
  { "a float that needs all digits", 1 / 3, "0.3333333333333333" },
  { "a large float", 1e300, "1e+300" },
  { "an empty table is an object", {}, "{}" },
  { "an empty list", json.array {}, "[]" },
  { "keys sorted by their bytes", { b = 1, a = 2, B = 3, ["a.b"] = 4 }, '{"B":3,"a":2,"a.b":4,"b":1}' },
  { "nested", { list = { { x = 1 } } }, '{"list":[{"x":1}]}' },
  { "quotes and controls", 'a"\\\b\t\n\f\r\0\1\127', [["a\"\\\b\t\n\f\r\u0000\u0001\u007f"]] },
  { "UTF-8 stays readable", "Zürich €  𝄞", '"Zürich €  𝄞"' },
  { "a byte that is no UTF-8", "M\252ller", [["M\udbff\udffcller"]] },
  { "an overlong form", "\192\175", [["\udbff\udfc0\udbff\udfaf"]] },
  { "a surrogate in UTF-8", "\237\160\128", [["\udbff\udfed\udbff\udfa0\udbff\udf80"]] },
  { "a character cut short", "\226\130", [["\udbff\udfe2\udbff\udf82"]] },
  { "what the escape itself is made of", "\u{10fffc}", [["\udbff\udff4\udbff\udf8f\udbff\udfbf\udbff\udfbc"]] },
  { "its neighbour is an ordinary character", "\u{10feff}", '"\u{10feff}"' },
  { "NUL in a key", { ["a\0b"] = 1 }, [[{"a\udbff\udf00b":1}]] },
  { "100 levels", deep, ("["):rep(100) .. '"leaf"' .. ("]"):rep(100) },
}
for _, case in ipairs(both_ways) do
  t.case("there and back: " .. case[1], function()
    t.equal(json.encode(case[2]), case[3])
    local back = json.decode(case[3])
    t.equal(back, case[2])
    t.equal(math.type(back), math.type(case[2]))
  end)
end

t.case("any bytes come back", function()
  local all = {}
  for a = 0, 255 do all[#all + 1] = string.char(a, (a * 7 + 3) % 256, 255 - a) end
  local s = table.concat(all)
  t.equal(json.decode(json.encode(s)), s)
  t.equal(json.decode(json.encode { [s] = s }), { [s] = s })
end)

t.case("indented", function()
  local v = { b = { 1, 2 }, a = {}, c = json.array {}, d = { e = "f" } }
  t.equal(json.encode(v, { indent = 2 }), [[
{
  "a": {},
  "b": [
    1,
    2
  ],
  "c": [],
  "d": {
    "e": "f"
  }
}]])
end)

t.case("a list that was read stays one when it is emptied", function()
  local v = json.decode '{"a":[1]}'
  t.truthy(json.is_array(v.a))
  v.a[1] = nil
  t.equal(json.encode(v), '{"a":[]}')
end)

local cyclic = {}
cyclic.a = { cyclic }
local no_form = {
  { "NaN", { a = { 0 / 0 } }, "'a%[1%]': a number that is not finite" },
  { "infinity", math.huge, "not finite" },
  { "a function", { a = { b = print } }, "'a%.b': function has no form" },
  { "mixed keys", { 1, a = 2 }, "other keys than strings" },
  { "a hole", { 1, nil, 3, [9] = 1 }, "other keys than strings" },
  { "a table in itself", cyclic, "this deep, or in itself" },
  { "a secret", { p = require "neap.core.taint".new("hunter2", "db") }, "'p': a secret %(seal it first%)" },
}
for _, case in ipairs(no_form) do
  t.case("cannot be written: " .. case[1], function() t.raises(function() json.encode(case[2]) end, case[3]) end)
end

local malformed = {
  { "nothing", "", "line 1" },
  { "two values", "1 2", "end of file expected" },
  { "a key twice", '{"a":1,"a":2}', "duplicate object key" },
  { "a key twice, once escaped", [[{"é":1,"\udbff\udfc3\udbff\udfa9":2}]], "stands twice" },
  { "a comma too many", "[1,]", "line 1, column" },
  { "no UTF-8", '"\255"', "decode byte 0xff" },
  { "a lone surrogate", [["\ud800"]], "invalid Unicode" },
  { "an integer too large", "9223372036854775808", "too big integer" },
  { "a float too large", "1e999", "real number overflow" },
  { "too deep", ("["):rep(101) .. ("]"):rep(101), "deeper than 100" },
  { "much too deep", ("["):rep(100000), "maximum parsing depth" },
  { "single quotes", "{'a':1}", "line 1" },
}
for _, case in ipairs(malformed) do
  t.case("is no JSON: " .. case[1], function()
    local v, message, code = json.decode(case[2])
    t.equal(v, nil)
    t.matches(message, case[3])
    t.truthy(code == "parse" or code == "limit", "code " .. tostring(code))
  end)
end
