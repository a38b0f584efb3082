--- The restart or reload that an earlier run owes a resource: pending("service:nginx") -> "restart"|"reload"|nil.
-- Each debt is a file by the resource's name, which holds the verb.

local SCRIPT = [[
cd /var/lib/neap/pending 2>/dev/null || exit 0
for f in *; do
  [ -f "$f" ] || continue
  read -r verb <"$f" || :
  printf '%s\t%s\n' "$verb" "$f"
done
]]

local function file_of(id) return (id:gsub("%%", "%%25"):gsub("/", "%%2F")) end

local function parse(r, list)
  if r.rc ~= 0 then error(("the host could not answer 'pending' (status %d): %s"):format(r.rc, r.err), 0) end
  local seen, answers = {}, {}
  for verb, name in r.out:gmatch("(%a+)\t([^\n]*)\n") do seen[name] = verb end
  for i, args in ipairs(list) do answers[i] = seen[file_of(args[1])] end
  return answers
end

return { name = "pending", script = function() return SCRIPT end, parse = parse }
