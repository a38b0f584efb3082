--- What the questions about paths share. A fork is what a host pays most for, so few names stand in the script itself,
-- quoted; many travel on standard input to xargs, ended by NUL, which no name can hold.
local sh = require "neap.sh"

local names = {}

local FEW_BYTES = 16 * 1024

--- The first argument of each question, ended by NUL.
function names.join(list)
  local parts = {}
  for i, args in ipairs(list) do
    if args[1]:find("\0", 1, true) then error(("the name '%s' holds a NUL byte"):format(args[1]:gsub("%z", "?")), 0) end
    parts[i] = args[1] .. "\0"
  end
  return table.concat(parts)
end

--- The first argument of each question as shell words, or nil where they are too many for a script.
function names.words(list)
  local words, size = {}, 0
  for i, args in ipairs(list) do
    words[i] = sh.quote(args[1])
    size = size + #words[i] + 1
  end
  return size <= FEW_BYTES and table.concat(words, " ") or nil
end

--- A script, and its standard input, that runs `tool` on all names.
function names.run(tool, list)
  local words = names.words(list)
  if words then return tool .. " " .. words end
  return "xargs -0 " .. tool, names.join(list)
end

--- The same for shell text that goes through its parameters.
function names.loop(text, list)
  local words = names.words(list)
  if words then return "set -- " .. words .. "\n" .. text end
  return "xargs -0 sh -c " .. sh.quote(text) .. " sh", names.join(list)
end

--- The same where the text answers by words ended by NUL (see names.heard).
function names.telling(text, list)
  local loop, stdin = names.loop(text, list)
  return "LC_ALL=C; export LC_ALL\n" .. loop, stdin
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

-- What xargs ends with when some call of its tool failed.
local XARGS_FAILED = 123

--- Raises when xargs or what it runs is missing or was killed: an empty reply must not pass for "nothing is there".
-- @param absent what the tool itself ends with when some name is not there, which is no failure; nil: nothing
function names.ran(r, question, absent)
  if r.rc == 0 or absent and (r.rc == absent or r.rc == XARGS_FAILED) then return end
  error(("the host could not answer '%s' (status %d): %s"):format(question, r.rc, (r.err:gsub("%s+$", ""))), 0)
end

--- An iterator over the words of a reply, which are ended by NUL; raises as names.ran does.
function names.heard(r, question)
  names.ran(r, question)
  return r.out:gmatch("([^\0]*)\0")
end

--- Raises since a reply ends before it says all of `name`.
function names.cut_short(r, name) error(("the answer about '%s' is cut short: %s"):format(name, r.err), 0) end

return names
