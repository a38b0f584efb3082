--- What a terminal gets to see, whatever a host says.
local t = require "harness"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local ui = require "neap.ui"

--- What `fn(u)` writes.
local function written(options, fn)
  local out, real = {}, sys.write
  sys.write = function(_, text) out[#out + 1] = text return true end
  local ok, problem = pcall(fn, ui.new(options))
  sys.write = real
  if not ok then error(problem, 0) end
  return table.concat(out)
end

-- { what, foreign text, as it may be shown }
local cases = {
  { "plain text", "a\tb c", "a\tb c" },
  { "letters of all languages", "größer 日本 ✓ …", "größer 日本 ✓ …" },
  { "colours that are not ours", "\27[8mhidden\27[0m", "\\x1b[8mhidden\\x1b[0m" },
  { "a title of the window", "\27]0;owned\7", "\\x1b]0;owned\\x07" },
  { "carriage returns that write over", "safe\r\27[2Kevil", "safe\\x1b[2Kevil" },
  { "backspaces", "a\8b\127", "a\\x08b\\x7f" },
  { "controls in UTF-8", "x\xC2\x9B31m", "x\\u009b31m" },
  { "controls in bytes that are no UTF-8", "x\x9B31m\xFF", "x\\x9b31m\\xff" },
  { "text turned around", "a\u{202E}b\u{2066}c", "a\\u202eb\\u2066c" },
  { "NUL", "a\0b", "a\\x00b" },
}

for _, case in ipairs(cases) do
  local what, foreign, shown = table.unpack(case)
  t.case("errors: " .. what, function()
    t.equal(written({ color = true }, function(u) u:err(foreign) end), shown .. "\n")
  end)
  t.case("painted: " .. what, function()
    t.equal(written({ color = true }, function(u) u:line(u:paint("red", foreign)) end), "\27[31m" .. shown .. "\27[0m\n")
  end)
  t.case("a line that nobody has cleaned: " .. what, function()
    local out = written({ color = true }, function(u) u:line(u:paint("bold", "host") .. " " .. foreign) end)
    -- The colours that we use ourselves get through there, and nothing else.
    t.equal(out:gsub("\27%[[0-9]+m", ""):gsub("\\x1b%[0m", ""), ("host " .. shown .. "\n"):gsub("\\x1b%[0m", ""))
    t.truthy(not out:find("[%z\1-\8\11-\26\28-\31\127]"))
  end)
  t.case("JSON: " .. what, function()
    local out = written({ json = true }, function(u) u:event { event = "x", text = utf8.len(foreign) and foreign or "" } end)
    t.truthy(not out:find("[%z\1-\9\11-\31\127]") and not out:find("\xC2[\x80-\x9F]"), "controls in " .. out)
  end)
end

t.case("secrets are masked in every way out, those that nobody has cleaned included", function()
  taint.new("hunter2canary", "db")
  for _, way in ipairs { "line", "err", "out" } do
    t.matches(written({}, function(u) u[way](u, "it is hunter2canary") end), "it is <secret:db>")
  end
end)
