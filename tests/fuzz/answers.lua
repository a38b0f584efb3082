--- Answers of a host out of a fuzzer's input.
--     first line      what it is about
--     RC              then, for each answer: its exit status,
--     output          what it wrote,
--     %%err           and, if anything, what it wrote on standard error
--     complaint
--     %%              ends one answer and begins the next
-- After the last, a host says nothing, with status 0.
local answers = {}

local function answer_of(text)
  local rc, rest = text:match("^(%d+)\n(.*)$")
  local out, err = (rest or text):match("^(.-)%%%%err\n(.*)$")
  return { rc = rc and tonumber(rc:sub(-2)) or 0, out = out or rest or text, err = err or "" }
end

--- The first line, and an iterator over answers that never ends.
function answers.of(input)
  local title, at = input:match("^([^\n]*)\n?()")
  return title, function()
    if at > #input then return { rc = 0, out = "", err = "" } end
    local stop, after = input:find("%%\n", at, true)
    local text = input:sub(at, stop and stop - 1)
    at = after and after + 1 or #input + 1
    return answer_of(text)
  end
end

return answers
