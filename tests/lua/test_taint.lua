local t = require "harness"
local taint = require "neap.core.taint"

local db = taint.new("hunter2!", "db")

t.case("a secret shows its name, alone and in a text", function()
  t.equal(tostring(db), "<secret:db>")
  t.equal(tostring("password=" .. db .. "\n"), "password=<secret:db>\n")
  t.equal(tostring(1 .. db .. 2.5), "1<secret:db>2.5")
  t.equal(string.format("%s", db), "<secret:db>")
end)

-- A stack that grows in the midst of it: Lua 5.4.4 would then write to where the stack was.
local function at(depth, fn, ...)
  if depth == 0 then return taint.reveal(fn(...)) end
  local text = at(depth - 1, fn, ...)
  return text
end

for name, case in pairs {
  joined = { function() return "a" .. db .. "b" .. "c" .. db .. "d" end, "ahunter2!bchunter2!d" },
  quoted = { function() return taint.format("%q %q", db, db) end, '"hunter2!" "hunter2!"' },
} do
  t.case("a text is whole however deep in calls it is " .. name, function()
    for depth = 0, 600 do t.equal(coroutine.wrap(at)(depth, case[1]), case[2], depth) end
  end)
end

t.case("the clear text is there for the engine", function()
  local text = "user=" .. taint.new("root-pw", "root") .. ":" .. db
  t.equal(taint.reveal(text), "user=root-pw:hunter2!")
  t.equal(taint.length(text), 21)
  t.equal(taint.names(text .. db), { "root", "db" })
  t.equal(taint.names("plain"), {})
  t.truthy(taint.is(text))
  t.equal(taint.is("x"), false)
end)

t.case("which members of a table are secret", function()
  t.equal(taint.among {}, nil)
  t.equal(taint.among { a = "x", 1, {} }, nil)
  local among = taint.among { b = db, a = "x", [3] = "y" .. db }
  table.sort(among, function(a, b) return tostring(a) < tostring(b) end)
  t.equal(among, { 3, "b" })
end)

t.case("two secrets of equal text are equal, and a string is compared by name", function()
  t.truthy("a" .. taint.new("bcde", "x") == "abcd" .. taint.new("e", "y"))
  t.truthy(db ~= taint.new("hunter3!", "db"))
  t.truthy(taint.equal(db, "hunter2!"))
  t.truthy(taint.equal("a", "a"))
  t.equal(taint.equal(db, nil), false)
end)

local refused = {
  { "a method", function() return db:upper() end, "cannot be taken apart %(by 'upper'%)" },
  { "an index", function() return db[1] end, "cannot be taken apart" },
  { "an assignment", function() db.x = 1 end, "cannot be taken apart" },
  { "an order", function() return db < db end, "attempt to compare two secret values" },
  { "arithmetic", function() return db + 1 end, "arithmetic" },
  { "joining nil", function() return db .. nil end, "a nil cannot be joined to a secret" },
  { "joining a table", function() return {} .. db end, "a table cannot be joined to a secret" },
  { "its metatable", function() setmetatable(getmetatable(db), {}) end, "table expected" },
  { "%d", function() return taint.format("%d", db) end, "only with %%s or %%q" },
  { "%5s", function() return taint.format("%5s", db) end, "only with %%s or %%q" },
  { "a hole in a list", function() return taint.concat { "a", {}, db } end, "index 2" },
}
for _, case in ipairs(refused) do
  t.case("refused: " .. case[1], function() t.raises(case[2], case[3]) end)
end

t.case("format", function()
  local v = taint.format("u=%s p=%s n=%03d %%", "me", db, 7)
  t.equal(tostring(v), "u=me p=<secret:db> n=007 %")
  t.equal(taint.reveal(v), "u=me p=hunter2! n=007 %")
  t.equal(taint.format("%s-%5.2f|%-4s|", "a", 1.5, "b"), "a- 1.50|b   |")
  t.raises(function() taint.format("%s %s", db) end, "no value")
end)

t.case("%q of a secret is a Lua string that reads back", function()
  local odd = 'a"\\\n\0001\r\127x'
  local v = taint.format("return %q", taint.new(odd, "odd"))
  t.equal(tostring(v), "return <secret:odd>")
  t.equal(load(taint.reveal(v))(), odd)
end)

t.case("concat", function()
  t.equal(tostring(taint.concat({ "a", db, 3 }, ", ")), "a, <secret:db>, 3")
  t.equal(tostring(taint.concat({ "a", "b" }, db)), "a<secret:db>b")
  t.equal(taint.concat({ "a", "b" }, "-"), "a-b")
  t.equal(taint.concat({ "a", "b", "c" }, "-", 2, 3), "b-c")
  t.equal(taint.concat {}, "")
end)

t.case("wrap makes a whole text secret", function()
  t.equal(tostring(taint.wrap("line one\nline two\n", "file")), "<secret:file>")
  t.equal(tostring(taint.wrap("a " .. db, "file")), "<secret:file>")
end)

t.case("the lines of a text that was wrapped are not looked for, those of a private key are", function()
  local text = taint.wrap("a line that many files have\npassword=unheard-of\n", "file")
  t.equal(tostring("x" .. text), "x<secret:file>")
  t.equal(taint.mask("a line that many files have"), "a line that many files have")
  taint.wrap("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKl\n-----END PRIVATE KEY-----\n", "key")
  t.equal(taint.mask("MC4CAQAwBQYDK2VwBCIEIKl"), "<secret:key>")
  taint.wrap("one-line-only\n", "line")
  t.equal(taint.mask("one-line-only\n"), "<secret:line>")
end)

-- What a program prints need not be the secret as it stands.
local secret = [[p4ss'w"or\d $x/é]]
taint.new(secret, "odd")
local json = require "neap.core.json"
local function base64(s) return (require "neap.core.crypto".base64(s)) end
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
local function url(s) return (s:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end)) end
local forms = {
  { "as it is", "x" .. secret .. "y" },
  { "twice", secret .. secret },
  { "JSON", json.encode { a = secret } },
  { "shell, single quotes", "'" .. secret:gsub("'", "'\\''") .. "'" },
  { "shell, double quotes", '"' .. secret:gsub('["\\$`]', "\\%0") .. '"' },
  { "URL", "https://u:" .. url(secret) .. "@host/" },
  { "URL, lower case", "https://u:" .. url(secret):gsub("%%..", string.lower) .. "@host/" },
  { "a form", "p=" .. url(secret):gsub("%%20", "+") .. "&q=1" },
  { "hex", "0x" .. hex(secret) },
  { "hex, as SQL prints it", hex(secret):upper() },
  { "base64", base64(secret) },
  { "base64 after one byte", base64("u" .. secret .. "tail") },
  { "base64 after two bytes", base64("u:" .. secret) },
  { "base64 for URLs", (base64("??>" .. secret):gsub("+", "-"):gsub("/", "_")) },
}
for _, case in ipairs(forms) do
  t.case("mask finds it: " .. case[1], function()
    local shown, count = taint.mask(case[2])
    t.matches(shown, "<secret:odd>")
    t.truthy(count >= 1)
    for i = 1, #secret - 7 do t.truthy(not shown:find(secret:sub(i, i + 7), 1, true), "leak in " .. shown) end
  end)
end

t.case("mask: lines of a key are found one by one, as a terminal shows them", function()
  local key = "-----BEGIN KEY-----\nMIIBVQIBADANBgkqhkiG9w0BAQ\nshort\nE2hJ8bU4hJx9w0BAQEFAASCAT8\n-----END KEY-----\n"
  taint.new(key, "tls")
  t.equal(taint.mask("got: MIIBVQIBADANBgkqhkiG9w0BAQ\r\n"), "got: <secret:tls>\r\n")
end)

t.case("mask: overlapping secrets leave no rest, the longest names it", function()
  taint.new("abcdefgh", "first")
  taint.new("fghijklm", "second")
  taint.new("abcdefghi-and-more", "long")
  t.equal(taint.mask("<abcdefghijklm>"), "<<secret:first>>")
  t.equal(taint.mask("<abcdefghi-and-more>"), "<<secret:long>>")
end)

t.case("mask: what is no secret stays, what is too short is not looked for", function()
  taint.new("abc", "short")
  t.equal(taint.mask("abc hunter2 !"), "abc hunter2 !")
  t.equal(taint.mask(""), "")
  t.equal(taint.mask("hunter2"), "hunter2")
end)

t.case("mask: a value keeps its first name", function()
  taint.new("same-value", "one")
  local again = taint.new("same-value", "two")
  t.equal(tostring(again), "<secret:two>")
  t.equal(taint.mask("same-value"), "<secret:one>")
end)

t.case("plain parts of a tainted text are masked as well", function()
  t.equal(tostring("hunter2! " .. taint.new("other-pw", "o")), "<secret:db> <secret:o>")
end)
