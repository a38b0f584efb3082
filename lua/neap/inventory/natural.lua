--- The order in which a person counts: node2 before node10.
local natural = {}

-- A name with its numbers made as wide as each other.
local function weight(name)
  return (tostring(name):gsub("%d+", function(digits)
    digits = digits:gsub("^0+(%d)", "%1")
    return ("%s%s"):format(("0"):rep(math.max(0, 12 - #digits)), digits)
  end))
end

function natural.less(a, b)
  local wa, wb = weight(a), weight(b)
  if wa ~= wb then return wa < wb end
  return tostring(a) < tostring(b)
end

--- The keys of a table, sorted so.
function natural.keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, natural.less)
  return keys
end

return natural
