--- A line of the databases passwd or group, by name or number: getent("passwd", "deploy") -> "deploy:x:2001:…"; nil
-- when none. One `getent` a database for all keys; where a host has no getent, its files. Password hashes are the
-- question `shadow`'s.
local sh = require "neap.sh"

local databases = { "group", "passwd" }

local FALLBACK = [[
last=exec
command -v getent >/dev/null || { getent() { cat "/etc/$1"; }; last=; }
]]

local function keys_of(list)
  local keys = { passwd = {}, group = {} }
  for _, args in ipairs(list) do
    local db, key = keys[args[1]], tostring(args[2])
    if not db then error(("getent: no database '%s' here"):format(tostring(args[1])), 0) end
    if key:find("^-") or key:find("[:\n]") then error(("'%s' is no name of a user or group"):format(key), 0) end
    db[#db + 1] = key
  end
  return keys
end

local function script(list)
  local keys, lines = keys_of(list), {}
  for _, db in ipairs(databases) do
    if keys[db][1] then
      lines[#lines + 1] = { sh("echo %s\n", "= " .. db), sh("getent %s ", db) .. sh.words(keys[db]) }
    end
  end
  local text = FALLBACK
  for i, line in ipairs(lines) do
    text = text .. line[1] .. (i == #lines and "$last " .. line[2] or line[2] .. " || [ $? -eq 2 ] || exit\n")
  end
  return text
end

--- The lines of each database under their name and under their number.
local function index(out)
  local seen, db = {}, nil
  for line in out:gmatch("([^\n]*)\n") do
    local title = line:match("^= (%w+)$")
    local name, number = line:match("^([^:]+):[^:]*:(%d+)")
    if title then
      db = {}
      seen[title] = db
    elseif name and db then
      db[name] = db[name] or line
      db[number] = db[number] or line
    end
  end
  return seen
end

local FORM = {
  passwd = "^[^:]+:[^:]*:%d+:%d*:[^:]*:[^:]*:[^:]*$",
  group = "^[^:]+:[^:]*:%d+:[^:]*$",
}

local function answer_of(database, key, line)
  if not line or line:find(FORM[database]) then return line end
  return { failed = ("what the host has of '%s' in its database %s is no line of that"):format(key, database) }
end

local function parse(r, list)
  if r.rc ~= 0 and r.rc ~= 2 then
    error(("the host could not answer 'getent' (status %d): %s"):format(r.rc, r.err), 0)
  end
  local seen, answers = index(r.out), {}
  for i, args in ipairs(list) do
    local database, key = args[1], tostring(args[2])
    answers[i] = seen[database] and answer_of(database, key, seen[database][key])
  end
  return answers
end

return { name = "getent", script = script, parse = parse }
