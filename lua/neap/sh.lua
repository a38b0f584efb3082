--- Shell text with every value quoted.
-- A value of a playbook enters a script only through here, so that no name, path or content can ever be read as shell
-- syntax. Secrets are refused: a script may be printed, logged and seen by `ps` on the host; they go by stdin.
-- @usage sh("chown -h %s -- %s", "root:www-data", path)
-- @usage sh("kill -%d %d", 15, pid)
local sh = {}

--- One value as one word of POSIX shell; plain words stay as they are, for the reader of a plan.
function sh.quote(value)
  local kind = type(value)
  if kind == "string" and value:find("^[%w_@+:,./-]+$") then return value end
  if math.type(value) == "integer" then return tostring(value) end
  if kind == "userdata" then error("a secret cannot stand in a shell script: send it by stdin", 2) end
  if kind ~= "string" then
    error(("a shell word is made of a string, not of %s"):format(value == nil and "nil" or "a " .. kind), 2)
  end
  if value:find("\0", 1, true) then error("a shell word cannot hold a NUL byte", 2) end
  return "'" .. value:gsub("'", "'\\''") .. "'"
end

--- A list of values as words with a blank between.
function sh.words(list)
  local words = {}
  for i, value in ipairs(list) do words[i] = sh.quote(value) end
  return table.concat(words, " ")
end

local function integer(value)
  local n = math.type(value) and math.tointeger(value)
  if not n then error(("%%d wants an integer, got %s"):format(value == nil and "nil" or type(value)), 0) end
  return tostring(n)
end

local convert = { s = sh.quote, d = integer }

--- `fmt` with each %s replaced by a quoted value, %d by an integer, %% by one percent sign; nothing else is known.
function sh.format(fmt, ...)
  local args, n, used = { ... }, select("#", ...), 0
  local function one(verb)
    if verb == "%" then return "%" end
    local to_text = convert[verb]
    if not to_text then error(("no conversion '%%%s' in shell text '%s'"):format(verb, fmt), 0) end
    used = used + 1
    if used > n then error(("shell text '%s' has no value %d"):format(fmt, used), 0) end
    local ok, text = pcall(to_text, args[used])
    if not ok then
      text = tostring(text):gsub("^[^:]*:%d+: ", "")
      error(("value %d of shell text '%s': %s"):format(used, fmt, text), 0)
    end
    return text
  end
  local ok, text = pcall(string.gsub, fmt, "%%(.?)", one)
  if not ok then error(text, 3) end
  if used < n then error(("shell text '%s' takes %d values, got %d"):format(fmt, used, n), 3) end
  return text
end

return setmetatable(sh, { __call = function(_, fmt, ...) return sh.format(fmt, ...) end })
