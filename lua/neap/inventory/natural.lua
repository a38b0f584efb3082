--- The order in which a person counts: node2 before node10.
local natural = {}

-- A name with its numbers made as wide as each other.
local function weight(name)
  return (tostring(name):gsub("%d+", function(digits)
    digits = digits:gsub("^0+(%d)", "%1")
    return ("%s%s"):format(("0"):rep(math.max(0, 12 - #digits)), digits)
  end))
end

--- Sorts a list of names so; each is weighed once.
function natural.sort(list)
  local weights = {}
  for _, name in ipairs(list) do weights[name] = weight(name) end
  table.sort(list, function(a, b)
    local wa, wb = weights[a], weights[b]
    if wa ~= wb then return wa < wb end
    return tostring(a) < tostring(b)
  end)
end

--- The keys of a table, sorted so.
function natural.keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  natural.sort(keys)
  return keys
end

return natural
