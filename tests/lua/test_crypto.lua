local t = require "harness"
local crypto = require "neap.core.crypto"
local taint = require "neap.core.taint"
local sys = require "neap.core.sys"

local dir = os.tmpname()
os.remove(dir)
assert(sys.mkdir(dir))
local path = dir .. "/key"

t.case("digests are those of the standard", function()
  t.equal(crypto.sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  t.equal(crypto.sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  t.equal(crypto.sha256(taint.new("abc", "x")), crypto.sha256("abc"))
end)

t.case("random_hex", function()
  local a, b = crypto.random_hex(20), crypto.random_hex(20)
  t.matches(a, "^" .. ("%x"):rep(40) .. "$")
  t.truthy(a ~= b)
  t.equal(#crypto.random_hex(1024), 2048)
  t.raises(function() crypto.random_hex(0) end, "1 to 1024")
end)

t.case("base64 of a secret is one", function()
  t.equal(crypto.base64("a\0b"), "YQBi")
  t.equal(tostring(crypto.base64(taint.new("hunter2!", "db"))), "<secret:db>")
end)

t.case("a key is made once, for its owner only, and read again", function()
  local none, message, code = crypto.load_key(path)
  t.equal({ none, code }, { nil, "notfound" })
  t.matches(message, "there is no key")
  local key = assert(crypto.load_key(path, { create = true }))
  t.equal(sys.stat(path).mode, 384) -- 0600
  t.equal(sys.list_dir(dir), { "key" })
  local text = crypto.seal(key, "x", "c")
  t.equal(crypto.seal(assert(crypto.load_key(path, { create = true })), "x", "c"), text)
end)

t.case("sealed text opens to what it was, and equal content seals equal", function()
  local key = assert(crypto.load_key(path))
  local plain = "listen = 1\npassword = \0hunter\255\n"
  local text = crypto.seal(key, plain, "web1:/etc/x")
  t.matches(text, "^neap%-sealed%-1:[%w+/=]+$")
  t.equal(crypto.seal(key, taint.new(plain, "n"), "web1:/etc/x"), text)
  t.truthy(crypto.seal(key, plain, "web2:/etc/x") ~= text)
  t.truthy(crypto.seal(key, plain .. " ", "web1:/etc/x"):sub(15, 40) ~= text:sub(15, 40))
  local back = assert(crypto.unseal(key, text .. "\n", "web1:/etc/x", "file"))
  t.equal(taint.reveal(back), plain)
  t.equal(tostring(back), "<secret:file>")
  t.equal(taint.reveal(crypto.unseal(key, crypto.seal(key, "", ""), "")), "")
end)

t.case("context and text do not run into each other", function()
  local key = assert(crypto.load_key(path))
  t.truthy(crypto.seal(key, "bc", "a"):sub(1, 46) ~= crypto.seal(key, "c", "ab"):sub(1, 46))
end)

local key = assert(crypto.load_key(path))
local good = crypto.seal(key, "a secret", "here")
local other = assert(crypto.load_key(dir .. "/other", { create = true }))
local broken = {
  { "another place", key, good, "there", "crypto", "does not open" },
  { "another key", other, good, "here", "crypto", "does not open" },
  { "a flipped bit", key, good:gsub("(.)(...)$", function(c, r) return (c == "A" and "B" or "A") .. r end), "here",
    "crypto", "does not open" },
  { "cut short", key, good:sub(1, -5), "here", "crypto", "does not open" },
  { "cut to nothing", key, "neap-sealed-1:", "here", "parse", "cut or damaged" },
  { "no base64", key, "neap-sealed-1:!!!!", "here", "parse", "cut or damaged" },
  { "plain text", key, "hello", "here", "parse", "no sealed text" },
}
for _, case in ipairs(broken) do
  t.case("does not open: " .. case[1], function()
    local v, message, code = crypto.unseal(case[2], case[3], case[4])
    t.equal({ v, code }, { nil, case[5] })
    t.matches(message, case[6])
  end)
end

t.case("a key file that others may read is refused", function()
  local wide = dir .. "/wide"
  assert(sys.write_file(wide, sys.read_file(path), 416)) -- 0640
  local v, message, code = crypto.load_key(wide, { create = true })
  t.equal({ v, code }, { nil, "usage" })
  t.matches(message, "open to others %(mode 0640%): chmod 600 it")
end)

t.case("what is no key is not used and not written over", function()
  assert(sys.write_file(dir .. "/junk", "neap-key-1:AAAA\n", 384))
  local v, message, code = crypto.load_key(dir .. "/junk", { create = true })
  t.equal({ v, code }, { nil, "parse" })
  t.matches(message, "is no key file")
  t.equal(sys.read_file(dir .. "/junk"), "neap-key-1:AAAA\n")
  t.equal(select(3, crypto.load_key(dir)), "usage")
  t.equal(select(3, crypto.load_key(dir .. "/no/such", { create = true })), "io")
end)

for _, name in ipairs(sys.list_dir(dir)) do os.remove(dir .. "/" .. name) end
os.remove(dir)
