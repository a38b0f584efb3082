--- What a script that only reads says: run("dpkg --version") -> {rc=, out=, err=}.
-- All scripts of a round run one after the other, each in a shell of its own with an empty standard input; a random
-- number that they cannot know ends the output of each, on both streams.
local crypto = require "neap.core.crypto"
local names = require "neap.names"

local HEAD = [[
n=%s; export n
printf '%%s\n' "$n"
]]
local EACH = [[
for s do
  ( unset n; eval "$s" ) </dev/null; rc=$?
  printf "\n%s %s\n" "$n" "$rc"; printf "\n%s\n" "$n" >&2
done]]

local function script(list)
  local text, stdin = names.loop(EACH, list)
  return HEAD:format(crypto.random_hex(16)) .. text, stdin
end

local function parse(r, list)
  names.ran(r, "run")
  local mark, at = r.out:match("^(%x+)\n()")
  local answers, err_at = {}, 1
  for i, args in ipairs(list) do
    local stop, from, err_stop, err_from
    if mark then
      stop, from = r.out:find("\n" .. mark .. " ", at, true)
      err_stop, err_from = r.err:find("\n" .. mark .. "\n", err_at, true)
    end
    if not stop or not err_stop then error(("the answer of '%s' is cut short: %s"):format(args[1], r.err), 0) end
    local rc, next_at = r.out:match("^(%d%d?%d?)\n()", from + 1)
    if not rc then error(("the answer of '%s' has no exit status: %s"):format(args[1], r.err), 0) end
    answers[i] = {
      rc = math.tointeger(tonumber(rc)), out = r.out:sub(at, stop - 1), err = r.err:sub(err_at, err_stop - 1),
    }
    at, err_at = next_at, err_from + 1
  end
  return answers
end

return { name = "run", script = script, parse = parse, foreign = true, timeout_ms = 10 * 60 * 1000 }
