--- What a user's password lets in: shadow("deploy") ->
-- {locked=bool, password=secret|nil, disabled=bool, expires="2030-01-31"|false}; nil when there is no such
-- user, or nobody may look. The hash is a secret from here on.
local names = require "neap.user_names"
local sh = require "neap.sh"
local taint = require "neap.core.taint"

local function script(list)
  local keys = {}
  for i, args in ipairs(list) do keys[i] = names.check(args[1]) end
  return "if command -v getent >/dev/null; then exec " .. sh("getent shadow ") .. sh.words(keys) ..
    "; else cat /etc/shadow 2>/dev/null; fi; :"
end

--- `!` before a hash locks it; a field that no hash can be locks too.
-- An account that expired on the first day of all is closed.
local function reading(field, user, expires)
  local mark, hash = field:match("^([!*]*)(.*)$")
  local day = #(expires or "") < 8 and math.tointeger(tonumber(expires)) -- no host says in which century it lives
  return {
    locked = mark ~= "", password = hash ~= "" and taint.wrap(hash, "password of " .. user) or nil,
    disabled = expires == "1",
    expires = day and day > 1 and os.date("!%Y-%m-%d", day * 86400) or false,
  }
end

local function parse(r, list)
  local seen, answers = {}, {}
  for name, field, rest in r.out:gmatch("([^:\n]+):([^:\n]*):([^\n]*)") do
    seen[name] = seen[name] or { field, rest:match("^[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:([^:]*)") }
  end
  for i, args in ipairs(list) do
    local fields = seen[args[1]]
    answers[i] = fields and reading(fields[1], args[1], fields[2])
  end
  return answers
end

return { name = "shadow", script = script, parse = parse }
