--- Chances, and what is made by them: words, contents, modes.
local dice = {}

local WORDS = {
  "alpha", "beta", "gamma", "delta", "50% of", "a \"quoted\" word", "tab\there", "grün", "$HOME", "`x`", "\\n",
}
local MODES = { "0600", "0640", "0644", "0664", "0700", "0755", "0750", "0444" }

function dice.chance(percent) return math.random(100) <= percent end
function dice.one_of(list) return list[math.random(#list)] end
function dice.maybe(percent, value) if dice.chance(percent) then return value end end
function dice.mode() return dice.one_of(MODES) end

function dice.words(count)
  local list = {}
  for i = 1, count do list[i] = dice.one_of(WORDS) end
  return table.concat(list, " ")
end

-- Contents that have been trouble to somebody: none, no last newline, long, blank lines.
function dice.content()
  local kind, words = math.random(8), dice.words
  if kind == 1 then return "" end
  if kind == 2 then return words(3) end
  if kind == 3 then return words(4) .. "\r\n\n\n" .. words(2) .. "\n" end
  if kind == 4 then return { code = ("(%q .. \"\\n\"):rep(60)"):format(words(8)) } end
  local lines = {}
  for i = 1, math.random(6) do lines[i] = words(math.random(4)) end
  return table.concat(lines, "\n") .. "\n"
end

return dice
