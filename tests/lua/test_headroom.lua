local t = require "harness"

-- What load() makes has been through bytecode, and must not show it.
t.case("what is loaded is what was written", function()
  local text = [[
local big, float, long, yes, none = 1 << 40, 0.5, ("a long text, longer than forty bytes altogether" .. ...), true, nil
local function sum(...)
  local total = 0
  for _, n in ipairs { ... } do total = total + n end
  return function() x = total return total end
end
goto done
::done::
return big, float, long, yes, none, sum(1, 2, 3)
]]
  local env = { ipairs = ipairs }
  local big, float, long, yes, none, get = load(text, "=chunk", "t", env)("!")
  t.equal({ big, float, long, yes, none }, { 1 << 40, 0.5, "a long text, longer than forty bytes altogether!", true, nil })
  t.equal({ get(), env.x }, { 6, 6 })
  t.equal(load("return _G", "=chunk", "t")(), _G)
end)

t.case("the place of an error is known", function()
  local fn = load("local t = {}\n\nreturn function(key)\n  return t[key].field\nend", "@file.lua")()
  t.raises(function() fn "x" end, "^file.lua:4: attempt to index a nil value %(field '%?'%)$")
  local info = debug.getinfo(fn, "S")
  t.equal({ info.source, info.linedefined, info.lastlinedefined }, { "@file.lua", 3, 5 })
end)

t.case("what is wrong with a text is said as Lua says it", function()
  t.equal({ load("return 1 +", "=chunk") }, { nil, "chunk:1: unexpected symbol near <eof>" })
  t.equal({ load("\27Lua", "=chunk", "t") }, { nil, "attempt to load a binary chunk (mode is 't')" })
  t.raises(function() require "neap.nothing" end, "module 'neap.nothing' not found:.*no file '.*/neap/nothing.lua'")
end)

t.case("bytecode of a loaded text is loaded as it is", function()
  local once = string.dump(assert(load("return function() return 1 end", "=chunk")))
  local again = string.dump(assert(load(once, "=chunk", "b")))
  t.equal(again, once)
  t.equal(load(again, "=chunk", "b")()(), 1)
end)

t.case("a function of too many values is refused", function()
  local function text(n) return "\n\nlocal function f() return f(" .. ("f, "):rep(n) .. "f) end return f" end
  t.equal(type(load(text(150), "=chunk")()), "function")
  local fn, why = load(text(220), "=chunk")
  t.equal(fn, nil)
  t.matches(why, "^chunk:3: a function that needs more than 191 places")
end)
