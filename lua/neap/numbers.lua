--- Numbers of accounts: whose they are by then, and how those that change places do so on a way back.
--
--     ada   7 → 8   bob has it, and is to have another later   bob takes one that is free, ada 8
--     bob   8 → 7   comes from the one that he took            bob 7
local look = require "neap.look"
local owners = require "neap.owners"
local sh = require "neap.sh"

local numbers = {}

local KIND = {
  passwd = { what = "uid", owner = "owner", change = "usermod -u %d %s || exit 1\n" },
  group = { what = "gid", owner = "group", change = "groupmod -g %d %s || exit 1\n" },
}
-- Above the numbers that hosts pick, and below those that are set aside for the system.
local HIGHEST = 59999

-- Another account that has a number by then, or nil.
local function holder(host, database, name, number)
  local line = host:getent(database, number)
  local other = line and line:match("^[^:]+")
  local now = other and other ~= name and host:getent(database, other)
  return now and now:match("^[^:]*:[^:]*:(%d*)") == tostring(number) and other or nil
end

-- The number that a change gives, if it is another than before.
local function given(change, attribute)
  local number = change.to and change.to[attribute]
  return number and not (change.from and change.from[attribute] == number) and number or nil
end

--- Raises where a number that a change gives is another account's by then.
-- @param database "passwd" or "group"
-- @param attribute of the change
function numbers.foresee(host, database, name, change, attribute)
  local number = given(change, attribute)
  local other = number and holder(host, database, name, number)
  if other then look.fail("%s %d is that of '%s' already", KIND[database].what, number, other) end
end

-- The model gives an account a number that is free.
local function move(host, database, name, number, model)
  local free = HIGHEST
  while host:getent(database, free) do free = free - 1 end
  local line = host:getent(database, name)
  local home = database == "passwd" and line:match("([^:]*):[^:]*$") or nil
  line = line:gsub("^([^:]*:[^:]*:)%d*", "%1" .. free)
  model:set("getent", { database, name }, line)
  model:set("getent", { database, tostring(free) }, line)
  owners.renumber(model, KIND[database].owner, name, number, free, home)
  return free
end

-- Whether another account is one of those that had the number with this one before.
local function had_it_too(change, attribute, other)
  for _, name in ipairs(attribute == "uid" and change.to.sharing or {}) do
    if name == other then return true end
  end
  return false
end

-- What is to be said of one number, and whether it can be had.
local function make_room(host, database, change, attribute, back, model)
  local resource, number, what = change.resource, given(change, attribute), KIND[database].what
  local other = number and holder(host, database, resource.key, number)
  if not other or had_it_too(change, attribute, other) then return nil, true end
  local waits = (back.given_up or {})[what .. " " .. number] and not model:edit("getent", database .. "\0" .. other)
  if not waits then return ("%s %d is that of '%s'"):format(what, number, other), false end
  local free = move(host, database, other, number, model)
  resource.aside = (resource.aside or "") .. sh(KIND[database].change, free, other)
  return ("%s %d is that of '%s', who takes %d until he gets another"):format(what, number, other, free), true
end

--- On a way back, whoever has a number that a change gives and is to have another later makes room first: the steps
-- begin with numbers.aside. One who is to keep it is in the way.
-- @param attributes { [database] = attribute of the change }
-- @param back, model as a type's `look` has them
-- @return a verdict, or nil
function numbers.look(host, change, attributes, back, model)
  local notes = {}
  change.resource.aside = nil
  for _, database in ipairs { "passwd", "group" } do
    local attribute = attributes[database]
    local note, possible = nil, true
    if attribute then note, possible = make_room(host, database, change, attribute, back, model) end
    if not possible then return { impossible = note } end
    notes[#notes + 1] = note
  end
  return notes[1] and { note = table.concat(notes, "; ") } or nil
end

--- What comes before a command that gives a number: whoever has it makes room.
function numbers.aside(change) return change.resource and change.resource.aside or "" end

return numbers
