local t = require "harness"
local match = require "neap.core.match"
local patterns = require "neap.engine.patterns"

match.budget(1 << 40)
match.safe_steps = 0 -- everything goes through the bounded matcher

-- What a call gives: its values, or that it raised.
local function outcome(fn, ...)
  local result = table.pack(pcall(fn, ...))
  if result[1] then return result end
  return { false, "an error" }
end

local function all_matches(gmatch, s, pattern)
  local found = {}
  for a, b in gmatch(s, pattern) do
    found[#found + 1] = { a, b }
    if #found > 100 then break end
  end
  return found
end

-- { subject, pattern }: what string's own functions say is right
local cases = {
  { "hello world", "o" }, { "hello world", "(o)(.)" }, { "hello", "^h" }, { "hello", "o$" }, { "hello", "^$" }, { "", "" },
  { "", "^$" }, { "a$b", "a$b" }, { "a^b", "a^b" }, { "key = value", "^(%w+)%s*=%s*(%w+)$" }, { "  x  ", "^%s*(.-)%s*$" },
  { "f(a(b)c)d", "%b()" }, { "a |b| |c", "%b||" }, { "||", "%b||" }, { "|", "%b||" }, { "THE (quick) fox", "%f[%a]%a+" }, { "abcabc", "(abc)%1" }, { "abc", "()b()" }, { "a]b", "[]]" },
  { "a-b", "[a-]+" }, { "a-z", "[%a-z]+" }, { "xyz", "[^x]" }, { "a.b", "a%.b" }, { "\0a\0", "%z" }, { "\0a", "[%z]" },
  { "aaa", "a-" }, { "aaa", "a-$" }, { "aaab", "a*ab" }, { "aaab", "a?a?a?a?b" }, { "x", "(" }, { "x", ")" }, { "x", "[a" },
  { "x", "[^" }, { "x", "%" }, { "x", "%b" }, { "x", "%bx" }, { "x", "%f" }, { "x", "%1" }, { "x", "(%1)" }, { "x", "(x" },
  { "x", "[%" }, { "x", "[]" }, { "é", "[\xc3-\xc4]." }, { ("a"):rep(500), ("a"):rep(300) }, { ("a1"):rep(300), ("%a%d"):rep(250) },
  { "x", ("(x"):rep(40) }, { "", ("()"):rep(32) }, { "", ("()"):rep(33) }, { "abc", "(a)(b)(c)" }, { "a", "(a*(.)%2)" },
}
local function compare(s, pattern)
  t.equal(outcome(patterns.find, s, pattern), outcome(string.find, s, pattern), ("find %q %q"):format(s, pattern))
  t.equal(outcome(patterns.match, s, pattern), outcome(string.match, s, pattern), ("match %q %q"):format(s, pattern))
  t.equal(outcome(all_matches, patterns.gmatch, s, pattern), outcome(all_matches, string.gmatch, s, pattern),
    ("gmatch %q %q"):format(s, pattern))
  -- Lua's gsub overlooks a capture that is not closed where it has no use for it.
  if not outcome(string.find, s, pattern)[1] then return end
  for _, repl in ipairs { "<%0>", "%1-", "", "%%" } do
    t.equal(outcome(patterns.gsub, s, pattern, repl), outcome(string.gsub, s, pattern, repl),
      ("gsub %q %q %q"):format(s, pattern, repl))
  end
end
for i, case in ipairs(cases) do
  t.case("as Lua does: pattern " .. i, compare, case[1], case[2])
end

t.case("as Lua does: thousands of patterns made by chance", function()
  local subjects, parts = { "a", "b", "1", " ", "(", ")", "ab", "\0" }, {
    "a", "b", ".", "%a", "%d", "%s", "%w", "[ab]", "[^a]", "[a-z1]", "*", "+", "-", "?", "(", ")", "()", "^", "$", "%1", "%b()", "%baa",
    "%f[%a]", "%", "[", "%%", "]",
  }
  math.randomseed(5)
  for _ = 1, 20000 do
    local s, pattern = {}, {}
    for i = 1, math.random(0, 10) do s[i] = subjects[math.random(#subjects)] end
    for i = 1, math.random(0, 6) do pattern[i] = parts[math.random(#parts)] end
    compare(table.concat(s), table.concat(pattern))
  end
end)

-- { arguments of gsub }
for i, case in ipairs {
  { "hello world", "o", "0", 1 }, { "hello", "", "-" }, { "abc", "%w", { a = "1", b = false } }, { "abc", "(b)", string.upper },
  { "abc", "b", function() end }, { "abc", "b", function() return 7 end }, { "abc", "b", "%2" }, { "abc", "b", "%x" },
  { "abc", "b", "%" }, { "abc", "b", function() return {} end }, { "abc", "^a", "x" }, { "aaa", "^a", "x" }, { "abc", "b", 5 },
  { "abc", "b" }, { "abc", "()b()", "%1%2" }, { "abc def", "%w+", "%0 %0", 1 }, { "x", "x", "y", 0 }, { 123, "2", "x" },
} do
  t.case("gsub as Lua does: " .. i, function()
    t.equal(outcome(patterns.gsub, table.unpack(case, 1, 4)), outcome(string.gsub, table.unpack(case, 1, 4)))
  end)
end

for i, case in ipairs {
  { "hello", "l", 4 }, { "hello", "l", -2 }, { "hello", "l", -99 }, { "hello", "", 6 }, { "hello", "", 7 }, { "a.b", ".", 1, true },
  { "hello", "^l", 3 }, { "a.b", "%.", 1, true }, { 12, "2" },
} do
  t.case("find as Lua does: " .. i, function()
    t.equal(outcome(patterns.find, table.unpack(case, 1, 4)), outcome(string.find, table.unpack(case, 1, 4)))
  end)
end

t.case("a pattern that would take for ever ends with an error", function()
  match.budget(1000000)
  t.raises(function() patterns.find(("a"):rep(200), (".-"):rep(20) .. "b") end, "pattern takes too long")
  t.raises(function() patterns.find("a", "a*") end, "pattern takes too long")
  match.budget(1 << 40)
end)
