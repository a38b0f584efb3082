--- Where in a playbook an attribute stands.
-- Lua knows the line on which a table constructor is called, not those of its fields; an error about one field should
-- name its own line. So the text is searched, from the call to the brace that closes it.
local place = {}

-- Blanks out comments and the insides of strings, so that braces and names in them do not count.
local function bare(line)
  line = line:gsub("\\.", "  "):gsub('"[^"]*"', '""'):gsub("'[^']*'", "''")
  return (line:gsub("%-%-.*$", ""))
end

--- The place of attribute `name` in a call that begins at `where`; `where` itself if it is not found.
-- @param where "file:line"
-- @param text the file's text, or nil
function place.of(where, name, text)
  local file, first = (where or ""):match("^(.*):(%d+)$")
  if not text or not file then return where end
  local number, depth, opened = 0, 0, false
  local field = "%f[%w_]" .. name:gsub("%p", "%%%0") .. "%s*=[^=]"
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    number = number + 1
    if number >= tonumber(first) then
      line = bare(line)
      if (line .. " "):find(field) then return ("%s:%d"):format(file, number) end
      for brace in line:gmatch("[{}]") do
        depth = depth + (brace == "{" and 1 or -1)
        opened = true
      end
      if opened and depth <= 0 then return where end
    end
  end
  return where
end

return place
