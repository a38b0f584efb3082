--- Edits of a part of a text file that belongs to somebody else: some lines, known by what they are, become other
-- lines.
--
--     how      the lines that are ours
--     line     those equal to one of `marks`
--     block    from the line marks[1] to the line marks[2]
--     word     those with the word marks[1] in them
--     first    those whose first word is marks[1]
--
-- The new lines take the place of the first of ours; where there is none, or they `move`, they go where `below` and
-- `top` say (see spot.lua), or to the end. The host does the edit on the file as it is then, with awk; the same edit in
-- Lua tells the plan's model what the file will be. What the lines are goes by standard input: any of them may hold a
-- secret.
local crypto = require "neap.core.crypto"
local look = require "neap.look"
local place = require "neap.place"
local sh = require "neap.sh"
local spot = require "neap.spot"
local taint = require "neap.core.taint"

local edit = {}

--- The lines of a text, without their newlines.
function edit.lines(text)
  local lines = {}
  for line in text:gmatch("([^\n]*)\n") do lines[#lines + 1] = line end
  local rest = text:match("([^\n]+)$")
  if rest then lines[#lines + 1] = rest end
  return lines
end

-- What makes a line one of ours, apart from a block.
local is_ours = {}

function is_ours.line(line, marks)
  for _, mark in ipairs(marks) do if line == mark then return true end end
  return false
end

function is_ours.word(line, marks)
  for word in line:gmatch("[^ \t]+") do if word == marks[1] then return true end end
  return false
end

function is_ours.first(line, marks) return line:match("^[ \t]*([^ \t]*)") == marks[1] end

--- Which lines are ours: a list of booleans along `lines`, their number, and for a block whether it is closed.
local function ours(lines, how, marks)
  local flags, count, inside = {}, 0, false
  for i, line in ipairs(lines) do
    local mine
    if how == "block" then
      mine = inside or line == marks[1]
      inside = mine and line ~= marks[2]
    else
      mine = is_ours[how](line, marks)
    end
    flags[i] = mine
    if mine then count = count + 1 end
  end
  return flags, count, not inside
end

--- Our lines in a text (nil when there are none), and whether a block among them is closed.
function edit.find(text, how, marks)
  local lines, mine = edit.lines(text), {}
  local flags, count, closed = ours(lines, how, marks)
  for i, line in ipairs(lines) do if flags[i] then mine[#mine + 1] = line end end
  return count > 0 and mine or nil, closed
end

-- The lines that are not ours, and how many of them stand above the first of ours, or nil.
local function others(lines, how, marks)
  local kept, at = {}, nil
  for i, mine in ipairs((ours(lines, how, marks))) do
    if not mine then kept[#kept + 1] = lines[i] end
    if mine then at = at or #kept end
  end
  return kept, at
end

--- Where the first of our lines stands, as spot.lua tells it; nil where there is none. What a rollback puts back goes
-- there (see edit.place_of).
function edit.stood(text, how, marks)
  local kept, at = others(edit.lines(text), how, marks)
  return at and spot.told(kept, at)
end

-- What a secret or a text says.
local function told(text) return text and taint.reveal(text) end

--- `below`, `top` and `move` of a change: where the lines stood, if that is known, else as was said. On a way back they
-- move to where they stood.
function edit.place_of(change)
  local attrs = change.to or change.from
  local stood, found = told(attrs.stood), told(change.from and change.from.stood)
  if not stood then return { attrs.below }, false, false end
  local below, top = spot.read(stood)
  return below, top, found ~= nil and not spot.same(stood, found)
end

--- The text after the edit.
-- @param change { how, marks, lines = new lines, below = lines|nil, top = bool|nil, move = bool|nil }
function edit.apply(text, change)
  local kept, first = others(edit.lines(text), change.how, change.marks)
  local said = spot.find(kept, change.below or {}, change.top)
  local at = change.move and said or first or said or #kept
  local out = table.move(kept, 1, at, 1, {})
  table.move(change.lines, 1, #change.lines, #out + 1, out)
  table.move(kept, at + 1, #kept, #out + 1, out)
  return out[1] and table.concat(out, "\n") .. "\n" or ""
end

local AWK = spot.AWK .. [[
NR == 1 { how = $1; there = $2; a = 1 + $3; b = a + $4; count = $5; c = b + count; top = $6; move = $7; next }
NR <= a { mark[NR - 1] = $0; if (how == "line") left[$0] = 1; next }
NR <= b { new = new $0 "\n"; next }
NR <= c { below[NR - b] = $0; next }
{
  mine = 0
  if (how == "block") { mine = inside || $0 "" == mark[1] ""; inside = mine && $0 "" != mark[2] "" }
  else if (how == "line") { for (i = 1; i < a; i++) if ($0 "" == mark[i] "") { mine = 1; delete left[$0] } }
  else if (how == "first") mine = $1 "" == mark[1] ""
  else for (i = 1; i <= NF; i++) if ($i "" == mark[1] "") mine = 1
  if (mine) { if (!hits++) spot = n + 0; next }
  text[++n] = $0
}
END {
  for (l in left) if (there) exit 75
  if (inside || (there && !hits) || (!there && hits)) exit 75
  find()
  if (hits && (!move || at == "")) at = spot
  if (at == "") at = n + 0
  for (i = 1; i <= at; i++) print text[i]
  printf "%s", new
  for (; i <= n; i++) print text[i]
}]]

local function script_of(head, path, change)
  local edits = 'awk ' .. sh.quote(AWK) .. ' - "./$n.old" >"./$n"'
  return table.concat {
    head, 'new=\nwork\nif [ -e "../$n" ] || [ -h "../$n" ]; then\n', 'ln -- "../$n" "./$n.old" || exit 1\n',
    sh('[ -f "./$n.old" ] && [ ! -h "./$n.old" ] || fail %s 75\n',
      ("'%s' is not what the plan saw: plan again"):format(path)),
    place.attributes("./$n.old", "./$n"), " || exit 1\nelse\n",
    change.create and ': >"./$n.old"; new=1\n' or sh("fail %s 75\n", ("'%s' is gone: plan again"):format(path)), "fi\n",
    edits, " || { [ $? -ne 75 ] || fail ",
    sh.quote(("the lines to change in '%s' are not what the plan saw: plan again"):format(path)), " 75; exit 1; }\n",
    change.create and '[ -z "$new" ] || {\n' .. place.give(change.owner, change.group, change.mode) .. "}\n" or "",
    change.unmake and '[ -s "./$n" ] || { rm -f -- "../$n"; exit; }\n' or "",
    'sync "./$n" 2>/dev/null || :\nput',
  }
end

--- Whether a change takes lines out of a file that was made for them: a file that is left without any goes then.
function edit.unmakes(change)
  local before = not change.to and change.resource and change.resource.before
  return before and before.around and before.around.file == false or false
end

--- A step that makes the edit.
-- @param change { how, marks, lines, below = lines|nil, top, move, there = whether lines of ours are there, secret =
--   whether any is one, create = whether a missing file is made, unmake = whether one goes that is left empty, owner,
--   group, mode }
-- @param head script that opens the file's place, by default place.at(path)
function edit.step(path, change, title, head)
  local below = change.below or {}
  local input = { ("%s %d %d %d %d %d %d"):format(change.how, change.there and 1 or 0, #change.marks, #change.lines,
    #below, change.top and 1 or 0, change.move and 1 or 0) }
  for _, list in ipairs { change.marks, change.lines, below } do
    for _, line in ipairs(list) do input[#input + 1] = line end
  end
  local stdin = table.concat(input, "\n") .. "\n"
  if change.secret then stdin = taint.wrap(stdin, "edit") end
  return { run = script_of(head or place.at(path), path, change), stdin = stdin, title = title }
end

--- The text of a file that an edit is about, "" where it may be made, whether it holds a secret, and what to say of
-- what is around lines that are not there: that there is no file.
function edit.text(host, path, create, want)
  host:expect("content", path)
  local st = host:stat(path)
  if not st then
    if want and not create then
      host:missing("'%s' does not exist and no resource makes it: declare it, or say create = true", path)
    end
    if want then look.parent(host, path) end
    return "", false, { file = false }
  end
  if st.kind == "symlink" then look.fail("'%s' is a symbolic link to '%s': name the file itself", path, st.target) end
  local text = st.kind == "file" and host:content(path)
  if not text then look.fail("'%s' is no regular file", path) end
  local clear = taint.reveal(text)
  if clear:find("%z") then look.fail("'%s' is no text file", path) end
  return clear, taint.is(text)
end

--- The attribute that remembers where lines were found (edit.stood), and what it is to differ in it: nothing.
edit.STOOD = {
  type = "string", readonly = true, doc = "Where it was found: below these lines, the nearest first.",
}
function edit.anywhere() return true end

--- Tells the model what the file will be.
function edit.effects(model, path, change, id)
  local text, known = model:get("content", { path })
  if not known or not (text or change.create) then
    for _, kind in ipairs { "content", "sha256" } do model:forget(kind, { path }, id .. " edits it") end
    return
  end
  local secret = change.secret or taint.is(text)
  local after = edit.apply(text and taint.reveal(text) or "", change)
  if after == "" and change.unmake then
    for _, kind in ipairs { "stat", "content", "sha256" } do model:set(kind, { path }, nil) end
    return
  end
  if secret then after = taint.wrap(after, "edit") end
  model:set("content", { path }, after)
  model:set("sha256", { path }, crypto.sha256(after))
  if not text then model:set("stat", { path }, look.predicted("file", {}, change.mode)) end
end

return edit
