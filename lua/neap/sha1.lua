--- SHA-1 (FIPS 180-4), for passwords that servers keep so; not for anything new.
local sha1 = {}

local function rol(x, n) return (x << n | x >> (32 - n)) & 0xffffffff end

local function schedule(message, at)
  local w = { string.unpack(">I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4I4", message, at) }
  for t = 17, 80 do w[t] = rol(w[t - 3] ~ w[t - 8] ~ w[t - 14] ~ w[t - 16], 1) end
  return w
end

local function mix(t, b, c, d)
  if t <= 20 then return (b & c) | (~b & d), 0x5a827999 end
  if t <= 40 then return b ~ c ~ d, 0x6ed9eba1 end
  if t <= 60 then return (b & c) | (b & d) | (c & d), 0x8f1bbcdc end
  return b ~ c ~ d, 0xca62c1d6
end

--- The 20 bytes of the digest.
function sha1.raw(bytes)
  local message = bytes .. "\x80" .. ("\0"):rep((55 - #bytes) % 64) .. string.pack(">I8", #bytes * 8)
  local h = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 }
  for at = 1, #message, 64 do
    local w = schedule(message, at)
    local a, b, c, d, e = table.unpack(h)
    for t = 1, 80 do
      local f, k = mix(t, b, c, d)
      a, b, c, d, e = (rol(a, 5) + (f & 0xffffffff) + e + k + w[t]) & 0xffffffff, a, rol(b, 30), c, d
    end
    for i, v in ipairs { a, b, c, d, e } do h[i] = (h[i] + v) & 0xffffffff end
  end
  return string.pack(">I4I4I4I4I4", table.unpack(h))
end

--- The digest in small hexadecimal digits.
function sha1.hex(bytes)
  return (sha1.raw(bytes):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

return sha1
