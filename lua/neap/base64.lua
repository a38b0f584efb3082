--- Bytes from base64, for the little that hosts send so.
local base64 = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local value = {}
for i = 1, #DIGITS do value[DIGITS:byte(i)] = i - 1 end

--- The bytes that `text` stands for; what is no digit is passed over.
function base64.decode(text)
  local out, bits, count = {}, 0, 0
  for i = 1, #text do
    local digit = value[text:byte(i)]
    if digit then
      bits, count = bits << 6 | digit, count + 6
      if count >= 8 then
        count = count - 8
        out[#out + 1] = string.char(bits >> count & 0xFF)
        bits = bits & (1 << count) - 1
      end
    end
  end
  return table.concat(out)
end

return base64
