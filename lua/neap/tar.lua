--- A tar archive (POSIX.1-1988 ustar) made of names and contents, so that many files travel as one.
local tar = {}

local function octal(value, width) return ("%0" .. width - 1 .. "o\0"):format(value) end

-- Names of up to 255 bytes are parted at a slash: what comes before goes into a field of its own.
local function parted(name)
  if #name <= 100 then return name, "" end
  for at = #name - 100, math.min(#name, 156) do
    if name:sub(at, at) == "/" and at > 1 then return name:sub(at + 1), name:sub(1, at - 1) end
  end
  error(("the name '%s' is too long for an archive"):format(name), 0)
end

local FIELDS = "c100 c8 c8 c8 c12 c12 c8 c1 c100 c8 c32 c32 c8 c8 c155 c12"

local function header(name, size, mode)
  local base, prefix = parted(name)
  local none = octal(0, 8)
  local fields = string.pack(FIELDS, base, octal(mode, 8), none, none, octal(size, 12), octal(0, 12), (" "):rep(8), "0",
    "", "ustar\00000", "root", "root", none, none, prefix, "")
  local sum = 0
  for byte in fields:gmatch("%Z") do sum = sum + byte:byte() end -- most are zero
  return fields:sub(1, 148) .. ("%06o\0 "):format(sum) .. fields:sub(157)
end

--- @param files { [relative name] = bytes }
-- @param executable { [name] = true }
function tar.pack(files, executable)
  local names, parts = {}, {}
  for name in pairs(files) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local bytes = files[name]
    parts[#parts + 1] = header(name, #bytes, executable[name] and 493 or 420) -- 0755, 0644
    parts[#parts + 1] = bytes .. ("\0"):rep(-#bytes % 512)
  end
  parts[#parts + 1] = ("\0"):rep(1024)
  return table.concat(parts)
end

return tar
