--- What the questions about paths share: names travel on standard input, ended by NUL, which no name can hold.
local names = {}

--- The first argument of each question, ended by NUL.
function names.join(list)
  local parts = {}
  for i, args in ipairs(list) do
    if args[1]:find("\0", 1, true) then error(("the name '%s' holds a NUL byte"):format(args[1]:gsub("%z", "?")), 0) end
    parts[i] = args[1] .. "\0"
  end
  return table.concat(parts)
end

--- Why nothing is known of `name`, from what a tool said on standard error: nil when it is merely not there. What
-- could not be looked at must not pass for absent.
function names.failure(err, name)
  if err == "" then return nil end
  local from = 1
  while true do
    local at, stop = err:find(name, from, true)
    if not at then return nil end
    local why = err:match("^'?: ([^\n]*)", stop + 1)
    if why and why ~= "No such file or directory" and why ~= "Not a directory" then
      return { failed = ("cannot look at '%s': %s"):format(name, why:lower()) }
    end
    from = stop + 1
  end
end

--- Raises when xargs or what it runs is missing or was killed: an empty reply must not pass for "nothing is there".
-- xargs ends with 123 when some call of the tool failed, which one absent name is enough for.
function names.ran(r, question)
  if r.rc == 0 or r.rc == 123 then return end
  error(("the host could not answer '%s' (status %d): %s"):format(question, r.rc, (r.err:gsub("%s+$", ""))), 0)
end

return names
