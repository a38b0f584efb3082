--- Databases, users and grants of a server that was there before Neap.
local dice = require "dice"
local chance, maybe, one_of = dice.chance, dice.maybe, dice.one_of

local RIGHTS = { "SELECT", "SELECT, INSERT", "ALL", { "UPDATE", "DELETE", "SELECT" }, "SELECT, GRANT OPTION" }
local HOSTS = { "localhost", "10.77.0.%", "%" }

local function grants_of(has, databases)
  local parts = {}
  for _, database in ipairs(databases) do
    if has[database] and chance(60) then parts[#parts + 1] = { database.key .. ".*", one_of(RIGHTS) } end
  end
  if chance(20) then parts[#parts + 1] = { "*.*", one_of { "PROCESS", "RELOAD, PROCESS" } } end
  return parts
end

local function as_code(parts, literal)
  local list = {}
  for i, part in ipairs(parts) do list[i] = ("[%q] = %s"):format(part[1], literal(part[2])) end
  return { code = "{ " .. table.concat(list, ", ") .. " }" }
end

local function password_of()
  return chance(15) and "" or { code = ('secret "pw" .. "%d"'):format(math.random(2)) }
end

return function(item)
  local literal = require "literal"
  local databases = {}
  for i, name in ipairs { "pdb1", "pdb-2 x" } do
    databases[i] = item("mysql_database", name, function()
      local charset = maybe(60, one_of { "utf8mb4", "latin1" })
      return { charset = charset, collation = charset and maybe(50, charset .. "_bin") }
    end, { absent = {} })
  end
  for i, from in ipairs(HOSTS) do
    item("mysql_user", ("pmu%d@%s"):format(i, from), function(has)
      local socket = i == 1 and maybe(40, true) or nil
      local password = not socket and maybe(80, password_of()) or nil
      return {
        socket = socket, password = password, locked = not socket and not password or maybe(20, chance(50)),
        tls = maybe(20, chance(50)), grants = maybe(80, as_code(grants_of(has, databases), literal)),
      }
    end, { absent = {} })
  end
end
