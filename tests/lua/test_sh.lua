local t = require "harness"
local sh = require "neap.sh"

local words = {
  { "a plain word stays", "/etc/nginx/a-b_c.conf", "/etc/nginx/a-b_c.conf" },
  { "an empty word", "", "''" },
  { "blanks", "a b", "'a b'" },
  { "a quote", "it's", "'it'\\''s'" },
  { "substitution", "$(reboot)`x`", "'$(reboot)`x`'" },
  { "an assignment is no assignment", "PATH=/tmp", "'PATH=/tmp'" },
  { "a newline", "a\nb", "'a\nb'" },
  { "an integer", 2001, "2001" },
}
for _, case in ipairs(words) do
  t.case("quote: " .. case[1], function() t.equal(sh.quote(case[2]), case[3]) end)
end

t.case("what the shell reads back is what was quoted", function()
  local all = {}
  for byte = 1, 255 do all[byte] = string.char(byte) end
  local value = table.concat(all)
  local pipe = assert(io.popen("printf %s " .. sh.quote(value), "r"))
  local back = pipe:read("a")
  pipe:close()
  t.equal(back, value)
end)

t.case("format: quotes, counts and keeps percent signs", function()
  t.equal(sh("useradd -u %d -c %s %s 100%%", 7, "A B", "me"), "useradd -u 7 -c 'A B' me 100%")
  t.equal(sh.words { "a", "b c" }, "a 'b c'")
end)

local wrong = {
  { "nil", function() return sh("x %s", nil) end, "not of nil" },
  { "a table", function() return sh("x %s", {}) end, "a table" },
  { "a NUL byte", function() return sh("x %s", "a\0b") end, "NUL" },
  { "a float as integer", function() return sh("x %d", 1.5) end, "wants an integer" },
  { "a string as integer", function() return sh("x %d", "7; reboot") end, "wants an integer" },
  { "a value too few", function() return sh("x %s") end, "has no value 1" },
  { "a value too many", function() return sh("x", "y") end, "takes 0 values" },
  { "another conversion", function() return sh("x %q", "y") end, "no conversion '%%q'" },
  { "a secret", function() return sh("x %s", io.stdout) end, "secret" },
}
for _, case in ipairs(wrong) do
  t.case("refuses " .. case[1], function() t.raises(case[2], case[3]) end)
end
