--- What stands at a path: its kind, mode, owner, size; links are not followed.
-- One `stat` for all paths. Its records come in the order of the paths, those of absent ones left out; each ends
-- with the name, which is known, and a link's target, whose length is known, so that no name or target, whatever
-- bytes it is made of, can pass for a record.
local names = require "neap.names"

local kinds = { [0x8000] = "file", [0x4000] = "directory", [0xA000] = "symlink" }
local FIELDS = "^(%x+):([0-7]+):(%d+):(%d+):(%d+):([^:\n]*):([^:\n]*):()"

local function script(list)
  local tool, stdin = names.run("stat -c '%f:%a:%u:%g:%s:%U:%G:%N' --", list)
  return "LC_ALL=C QUOTING_STYLE=literal; export LC_ALL QUOTING_STYLE; exec " .. tool, stdin
end

local function known(name, id) return (name == "UNKNOWN" or name == "") and id or name end

--- The end of the name in `out` from `at`, and a link's target: GNU writes `name -> target`, busybox `'name' ->
-- 'target'`.
local function name_at(out, at, name, is_link, size)
  if not is_link then
    local stop = at + #name
    return out:sub(at, stop) == name .. "\n" and stop + 1 or nil
  end
  for _, quote in ipairs { "", "'" } do
    local head = quote .. name .. quote .. " -> " .. quote
    local from = at + #head
    if out:sub(at, from - 1) == head then
      local stop = from + size
      if out:sub(stop, stop + #quote) ~= quote .. "\n" then -- links of /proc do not know their length
        stop = (out:find(quote .. "\n", from, true)) or #out + 1
      end
      return stop + #quote + 1, out:sub(from, stop - 1)
    end
  end
end

local function record(out, at, name)
  local raw, mode, uid, gid, size, owner, group, name_from = out:match(FIELDS, at)
  if not raw or not math.tointeger(size) then return nil end
  local kind = kinds[tonumber(raw, 16) & 0xF000] or "other"
  local next_at, target = name_at(out, name_from, name, kind == "symlink", tonumber(size))
  if not next_at then return nil end
  return {
    kind = kind, mode = ("%04o"):format(tonumber(mode, 8)), owner = known(owner, uid), group = known(group, gid),
    uid = math.tointeger(uid), gid = math.tointeger(gid),
    size = math.tointeger(size), target = target,
  }, next_at
end

local function parse(r, list)
  names.ran(r, "stat", 1)
  local answers, at = {}, 1
  for i, args in ipairs(list) do
    local answer, next_at = record(r.out, at, args[1])
    if answer then
      answers[i], at = answer, next_at
    else
      answers[i] = names.failure(r.err, args[1])
    end
  end
  return answers
end

return { name = "stat", script = script, parse = parse }
