--- Edits of a part of a text file that belongs to somebody else: some lines, known by what they are, become other
-- lines.
--
-- The new lines take the place of the first of ours (see parted.lua); where there is none, or they `move`, they go
-- where `below` and `top` say (see spot.lua), or to the end. What stood apart goes back in groups, each to its place.
-- The host does the edit on the file as it is then, with awk; the same edit in Lua tells the plan's model what the
-- file will be. What the lines are goes by standard input: any of them may hold a secret.
local crypto = require "neap.core.crypto"
local look = require "neap.look"
local parted = require "neap.parted"
local place = require "neap.place"
local sh = require "neap.sh"
local spot = require "neap.spot"
local taint = require "neap.core.taint"

local edit = { lines = parted.lines, find = parted.find, stood = parted.stood, apart = parted.apart }

-- What a secret or a text says.
local function told(text) return text and taint.reveal(text) end

-- The groups of lines that stood apart, where they are to come back and say what is wanted, or nil.
local function apart_of(change, fits)
  local said, is = told(change.to and change.to.apart), told(change.from and change.from.apart)
  local list = said and said ~= is and parted.read(said)
  if not list then return nil end
  local groups, all = {}, {}
  for i, one in ipairs(list) do
    local below, top = spot.read(one.stood)
    local lines = edit.lines(one.text)
    groups[i] = { lines = lines, below = below, top = top, move = true }
    table.move(lines, 1, #lines, #all + 1, all)
  end
  return fits(all) and groups or nil
end

--- What a change writes, and where: where the lines stood, if that is known, else as was said. On a way back they move
-- to where they stood.
-- @param lines the new lines
-- @param fits function(lines) -> whether lines that stood apart are those that are wanted; nil: they are not looked at
-- @return list of { lines, below, top, move }
function edit.groups(change, lines, fits)
  local groups = fits and apart_of(change, fits)
  if groups then return groups end
  local attrs = change.to or change.from
  local stood, found = told(attrs.stood), told(change.from and change.from.stood)
  if not stood then return { { lines = lines, below = { attrs.below } } } end
  local below, top = spot.read(stood)
  return { { lines = lines, below = below, top = top, move = found ~= nil and not spot.same(stood, found) } }
end

--- The text after the edit.
-- @param change { how, marks, groups = as edit.groups gives them }
function edit.apply(text, change)
  local others, mine = parted.of(edit.lines(text), change.how, change.marks)
  local out, put = {}, {}
  for _, group in ipairs(change.groups) do
    local said = spot.find(others, group.below, group.top)
    local at = group.move and said or mine[1] and mine[1].at or said or #others
    put[at] = table.move(group.lines, 1, #group.lines, #(put[at] or {}) + 1, put[at] or {})
  end
  for i = 0, #others do
    out[#out + 1] = others[i]
    table.move(put[i] or {}, 1, #(put[i] or {}), #out + 1, out)
  end
  return out[1] and table.concat(out, "\n") .. "\n" or ""
end

local AWK = spot.AWK .. [[
NR == 1 { how = $1; there = $2; a = 1 + $3; groups = $4; next }
NR <= a { mark[NR - 1] = $0; if (how == "line") left[$0] = 1; next }
!rest && g < groups { g++; lines = $1; count[g] = $2; top[g] = $3; move[g] = $4; rest = lines + count[g]; next }
rest > count[g] { rest--; new[g] = new[g] $0 "\n"; next }
rest { below[g, count[g] - rest-- + 1] = $0; next }
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
  for (g = 1; g <= groups; g++) {
    at = find(g)
    if (hits && (!move[g] || at == "")) at = spot
    if (at == "") at = n + 0
    put[at] = put[at] new[g]
  }
  for (i = 0; i <= n; i++) {
    if (i) print text[i]
    printf "%s", put[i]
  }
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
-- @param change { how, marks, groups, there = whether lines of ours are there, secret = whether any is one, create =
--   whether a missing file is made, unmake = whether one goes that is left empty, owner, group, mode }
-- @param head script that opens the file's place, by default place.at(path)
function edit.step(path, change, title, head)
  local input = { ("%s %d %d %d"):format(change.how, change.there and 1 or 0, #change.marks, #change.groups) }
  local function add(lines) table.move(lines, 1, #lines, #input + 1, input) end
  add(change.marks)
  for _, group in ipairs(change.groups) do
    add { ("%d %d %d %d"):format(#group.lines, #group.below, group.top and 1 or 0, group.move and 1 or 0) }
    add(group.lines)
    add(group.below)
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

--- The same for where all of them were found (edit.apart).
edit.APART = {
  type = "string", readonly = true, doc = "Where each was found that did not stand with the others, as JSON.",
}

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
