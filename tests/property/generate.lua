--- Two playbooks made at random, A and B, for the same host.
--
--     neap-lua generate.lua SEED FOLDER [DROPPED,…]
--
-- writes FOLDER/A.lua and FOLDER/B.lua. The same seed gives the same two; the
-- items (items.lua) whose numbers are in DROPPED are left out, so that a
-- failure can be made smaller. Prints how many items there are.

local seed, folder, dropped = tonumber(arg[1]), arg[2], arg[3] or ""
package.path = arg[0]:match("^.*/") .. "?.lua;" .. package.path
math.randomseed(seed)

local dice = require "dice"
local items = require "items"
local literal = require "literal"

local chance = dice.chance

-- Attributes that lean on other items.
local LEANING = { "owner", "group", "groups", "restart_on", "reload_on", "grants" }

local gone = {}
for number in dropped:gmatch("%d+") do gone[tonumber(number)] = true end

-- Few resources or many.
local density = math.random(10, 50)

-- Whether the spot of an item is another's already.
local function is_taken(has, one)
  for other in pairs(one.spot and has or {}) do
    if other ~= one and other.spot == one.spot and not (one.share and other.share) then return true end
  end
end

-- The same of an item with all that it needs.
local function has_place(has, one)
  for _, need in ipairs(one.needs) do
    if not has[need] and not has_place(has, need) then return false end
  end
  return not is_taken(has, one)
end

-- Which items stand in a playbook: { [item] = "present" | "absent" }.
local function choose()
  local has = {}
  local function add(one)
    if has[one] then return end
    has[one] = "present"
    for _, need in ipairs(one.needs) do add(need) end
  end
  for i, one in ipairs(items) do
    local wanted = chance(density)
    if wanted and not gone[i] and has_place(has, one) then add(one) end
  end
  return has
end

-- Whether one of the items that are present in a playbook needs this one.
local function is_needed(one, has, but)
  for needing, state in pairs(has) do
    for _, need in ipairs(needing.needs) do
      if need == one and state == "present" and (but or {})[needing] ~= "absent" then return true end
    end
  end
end

-- Whether another kind of thing stands at the item's path, as the other playbook has left it.
local function is_another(one, other)
  for there, state in pairs(one.spot and other or {}) do
    if there ~= one and there.spot == one.spot and there.type ~= one.type and state == "present" then return true end
  end
end

-- What another playbook has and this one does not: let alone, or absent.
local function take_away(has, other)
  for i = #items, 1, -1 do
    local one = items[i]
    local wanted = chance(40)
    local free = wanted and one.absent and not gone[i] and not is_taken(has, one) and not is_another(one, other)
    if not has[one] and free and not is_needed(one, other, has) and not is_needed(one, has) then
      has[one] = "absent"
    end
  end
end

local function attributes(attrs)
  local names, parts = {}, {}
  for name in pairs(attrs) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = name .. " = " .. literal(attrs[name]) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function is_leaning(attrs)
  for _, name in ipairs(LEANING) do
    if attrs[name] then return true end
  end
end

-- The text of a playbook, and what stands in it. What B keeps of A it keeps to the letter, unless that leans on
-- others.
local function text_of(has, before)
  local lines, made, present = {}, {}, {}
  for one, state in pairs(has) do present[one] = state == "present" or nil end
  for i, one in ipairs(items) do
    -- chances of its own, so that an item stays what it is when others are dropped
    math.randomseed(seed, 2 * i + (before and 1 or 0))
    local kept = before and before[one] and chance(45) and not is_leaning(before[one])
    local attrs = kept and before[one] or one.make(present)
    if has[one] == "present" then
      made[one] = attrs
      lines[#lines + 1] = ("%s %s %s"):format(one.type, literal(one.key), attributes(attrs))
    elseif has[one] == "absent" then
      local place = one.late and #lines + 1 or 1
      table.insert(lines, place, ("absent.%s %s %s"):format(one.type, literal(one.key), attributes(one.absent)))
    end
  end
  return table.concat(lines, "\n") .. "\n", made
end

-- What is a user's own group in the other playbook can only go when he has another, which it does not name.
local function spare_own_groups(has, made)
  for one, state in pairs(has) do
    for other, attrs in pairs(made) do
      if state == "absent" and one.type == "group" and other.type == "user" and attrs.group == one.key then
        has[one] = nil
      end
    end
  end
end

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "w"))
  assert(file:write(text))
end

local a, b = choose(), choose()
take_away(a, {})
take_away(b, a)
local text, made = text_of(a)
spare_own_groups(b, made)
write("A.lua", text)
write("B.lua", (text_of(b, made)))
print(#items)
