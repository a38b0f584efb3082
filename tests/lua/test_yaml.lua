local t = require "harness"
local yaml = require "neap.core.yaml"
local json = require "neap.core.json"

local scalars = {
  { "~", json.null }, { "null", json.null }, { "NULL", json.null }, { "", json.null }, { "# nothing\n", json.null },
  { "true", true }, { "True", true }, { "yes", true }, { "On", true }, { "no", false }, { "OFF", false }, { "false", false },
  { "y", "y" }, { "n", "n" }, { "tRUE", "tRUE" }, { "nil", "nil" },
  { "0", 0 }, { "12", 12 }, { "-3", -3 }, { "+4", 4 }, { "0x1F", 31 }, { "0o17", 15 }, { "-0", 0 },
  { "0644", "0644" }, { "00", "00" }, { "1_000", "1_000" }, { "12:30:45", "12:30:45" }, { "0x", "0x" }, { "0o8", "0o8" },
  { "9223372036854775807", math.maxinteger },
  { "1.5", 1.5 }, { ".5", 0.5 }, { "1.", 1.0 }, { "1e3", 1000.0 }, { "-1.5E-1", -0.15 }, { ".inf", math.huge }, { "-.INF", -math.huge },
  { "1.2.3", "1.2.3" }, { "1e", "1e" }, { "e3", "e3" }, { ".", "." }, { "-", nil }, { "+.inf", math.huge }, { "01.5", "01.5" },
  { "2024-01-31", "2024-01-31" }, { "1e999", "1e999" }, { "::1", "::1" }, { "10.0.0.1", "10.0.0.1" },
  { "'yes'", "yes" }, { '"12"', "12" }, { "'~'", "~" }, { '"\\x41\\n\\0"', "A\n\0" }, { "!!str 12", "12" }, { "! 12", "12" },
  { "!!int '12'", 12 }, { "!!float 1.0", 1.0 }, { "!!bool 'on'", true }, { "!!null ''", json.null },
  { "|\n  a\n  b\n", "a\nb\n" }, { ">-\n  a\n  b\n", "a b" },
}
for _, case in ipairs(scalars) do
  if case[2] ~= nil then
    t.case("scalar: " .. case[1], function()
      local v, message = yaml.decode(case[1])
      t.equal(message, nil)
      t.equal(v, case[2])
      t.equal(math.type(v), math.type(case[2]))
    end)
  end
end

t.case("an integer beyond 64 bits stays text, .nan is no number", function()
  t.equal(yaml.decode "9223372036854775808", "9223372036854775808")
  local v = yaml.decode ".nan"
  t.truthy(v ~= v)
end)

local documents = {
  { "an inventory", [[
# production
all:
  hosts:
    web1: { ansible_host: 10.0.0.1, mode: 0644 }
    web2:
  vars:
    80: http
    empty: []
    nothing: {}
]], { all = { hosts = { web1 = { ansible_host = "10.0.0.1", mode = "0644" }, web2 = json.null },
      vars = { ["80"] = "http", empty = {}, nothing = {} } } } },
  { "an alias", "a: &x [1, 2]\nb: *x\nc: *x\n", { a = { 1, 2 }, b = { 1, 2 }, c = { 1, 2 } } },
  { "an anchor named again names the later", "- &x 1\n- *x\n- &x 2\n- *x\n", { 1, 1, 2, 2 } },
  { "merge: own keys win", "base: &b {a: 1, b: 2}\nuse:\n  <<: *b\n  b: 3\n  c: 4\n",
    { base = { a = 1, b = 2 }, use = { a = 1, b = 3, c = 4 } } },
  { "merge: of a list the first wins", "- &p {a: 1}\n- &q {a: 2, b: 2}\n- {z: 0, <<: [*p, *q]}\n",
    { { a = 1 }, { a = 2, b = 2 }, { z = 0, a = 1, b = 2 } } },
  { "merge: of what was merged", "- &p {a: 1}\n- &q {<<: *p, b: 2}\n- {<<: *q, c: 3}\n",
    { { a = 1 }, { a = 1, b = 2 }, { a = 1, b = 2, c = 3 } } },
  { "merge: in the middle", "- &p {a: 1}\n- {x: 1, <<: *p, y: 2}\n", { { a = 1 }, { x = 1, a = 1, y = 2 } } },
  { "merge: a quoted key is a key", "{'<<': 1}", { ["<<"] = 1 } },
  { "a key that is an alias", "- &k key\n- {*k : 1}\n", { "key", { key = 1 } } },
  { "one document with its marks", "%YAML 1.2\n---\na: 1\n...\n", { a = 1 } },
}
for _, case in ipairs(documents) do
  t.case(case[1], function() t.equal(assert(yaml.decode(case[2])), case[3]) end)
end

t.case("lists stay lists when they are empty", function()
  t.equal(json.encode(yaml.decode "{a: [], b: {}}"), '{"a":[],"b":{}}')
end)

local laughs = { "a0: &a0 [x, x, x, x, x, x, x, x, x, x]" }
for i = 1, 9 do laughs[#laughs + 1] = ("a%d: &a%d [%s]"):format(i, i, ("*a%d,"):format(i - 1):rep(10)) end

local wrong = {
  { "a key twice", "a: 1\nb: 2\na: 3\n", "^f%.yml:3: the key 'a' stands twice" },
  { "a key twice, deeper", "a:\n  - {b: 1, b: 2}\n", "^f%.yml:2: the key 'b' stands twice" },
  { "a tab", "a:\n\tb: 1\n", "^f%.yml:2: found character that cannot start any token" },
  { "a bracket that stays open", "a: [1, 2\nb: 3\n", "^f%.yml:%d: did not find expected ',' or ']'" },
  { "two documents", "a: 1\n---\nb: 2\n", "^f%.yml:2: a second document begins" },
  { "an alias to nothing", "a: 1\nb: *x\n", "^f%.yml:2: nothing is named '&x'" },
  { "an alias to what it stands in", "a: &x\n  b: *x\n", "^f%.yml:2: '%*x' stands within" },
  { "a foreign tag", "a: !vault |\n  x\n", "^f%.yml:1: the tag '!vault' means nothing here" },
  { "a tag that executes in others", "!!python/object/apply:os.system ['id']", "python/object/apply:os.system' means nothing" },
  { "no integer", "a: !!int x", "^f%.yml:1: 'x' is not what its tag says" },
  { "a list as a key", "? [1, 2]\n: x\n", "^f%.yml:1: a list or a map cannot be a key" },
  { "a merge of text", "{<<: x}", "'<<' takes a map or a list of maps" },
  { "two merges", "a: &p {x: 1}\nb: {<<: *p, <<: *p}\n", "^f%.yml:2: the key '<<' stands twice" },
  { "a million laughs", table.concat(laughs, "\n"), "^f%.yml:%d+: too much data" },
  { "101 levels", ("["):rep(101) .. ("]"):rep(101), "too many levels" },
  { "101 levels by aliases", "- &a " .. ("["):rep(60) .. ("]"):rep(60) .. "\n- " .. ("["):rep(60) .. "*a" .. ("]"):rep(60),
    "too many levels" },
  { "no UTF-8", "a: \255\n", "^f%.yml:1: invalid leading UTF%-8 octet" },
  { "a control character", "a: \1\n", "control characters are not allowed" },
}
for _, case in ipairs(wrong) do
  t.case("is refused: " .. case[1], function()
    local v, message, code = yaml.decode(case[2], "f.yml")
    t.equal(v, nil)
    t.matches(message, case[3])
    t.truthy(code == "parse" or code == "limit", "code " .. tostring(code))
  end)
end

t.case("100 levels are not too many", function()
  t.truthy(yaml.decode(("["):rep(100) .. ("]"):rep(100)))
end)
