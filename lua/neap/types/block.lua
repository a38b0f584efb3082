--- Some lines in a file that somebody else writes, between two marker lines.
-- @usage block "lab hosts" { path = "/etc/ssh/ssh_config", content = "Host lab*\n  User ops\n" }
-- @usage absent.block "lab hosts" { path = "/etc/ssh/ssh_config" }
local edit = require "neap.edit"
local look = require "neap.look"
local place = require "neap.place"
local taint = require "neap.core.taint"

local block = {
  name = "block", key = "name", atomic = true,
  attributes = {
    path = { type = "string", required = true, always = true, kept = place.is_path, doc = "The file." },
    content = { type = "string", required = true, always = true, blob = true, doc = "The lines; may hold secrets." },
    comment = { type = "string", always = true, default = "#",
      doc = "What makes a line a comment here; with %s where its text goes, as in \"<!-- %s -->\"." },
    below = { type = "string", option = true,
      doc = "Where a new block goes: below the last line equal to this one; otherwise to the end of the file." },
    create = { type = "boolean", option = true, doc = "Make the file when there is none." },
    label = { type = "string", option = true, readonly = true,
      doc = "What its markers say, where that is not its name: it was recorded under another." },
    stood = edit.STOOD,
  },
  equal = { stood = edit.anywhere },
}

local function markers(key, comment)
  local function marker(word)
    local text = word .. " neap: " .. key
    local at = comment:find("%s", 1, true)
    if not at then return comment .. " " .. text end
    return comment:sub(1, at - 1) .. text .. comment:sub(at + 2)
  end
  return { marker "BEGIN", marker "END" }
end

-- The markers of the block in a text, and what makes them comments; where it stands there behind other comment signs,
-- those that it has.
local function markers_in(text, key, comment)
  local wanted = markers(key, comment)
  if edit.find(text, "block", wanted) then return wanted, comment end
  for _, line in ipairs(edit.lines(text)) do
    local from, to = line:find("BEGIN neap: " .. key, 1, true)
    local after = to and line:sub(to + 1)
    if after == "" or after and after:find("^%s[%s%p]*$") then
      local before = line:sub(1, from - 1)
      local other = after == "" and before:match("^(.*) $") or before .. "%s" .. after
      return markers(key, other), other
    end
  end
  return wanted, comment
end

function block.check_key(key)
  if key:find("%c") then error("the name of a block is one line", 0) end
  return key
end

function block.check(key, attrs)
  place.check(attrs.path)
  local text = taint.reveal(attrs.content)
  if text:find("%z") then error("a block is text and holds no NUL byte", 0) end
  if text ~= "" and text:sub(-1) ~= "\n" then attrs.content = attrs.content .. "\n" end
  local marks = markers(key, attrs.comment)
  for _, line in ipairs(edit.lines(text)) do
    if line == marks[1] or line == marks[2] then error("a block cannot hold its own marker lines", 0) end
  end
  return attrs
end

--- Which block its label stands for: that between its markers.
function block.denotes(key, attrs) return attrs.path and attrs.path .. "\0" .. (attrs.label or key) end

function block.depends(_, attrs)
  local ids = look.depends(attrs.path, {})
  ids[#ids + 1] = "file:" .. attrs.path
  return ids
end

--- The file that it is a part of.
function block.inside(_, attrs) return attrs.path end

function block.probe(host, key, want, attrs)
  attrs = want or attrs
  if not attrs or not attrs.path then look.fail("block '%s': say its path", key) end
  local text, secret, around = edit.text(host, attrs.path, attrs.create, want)
  local marks, comment = markers_in(text, attrs.label or key, attrs.comment or "#")
  local mine, closed = edit.find(text, "block", marks)
  if not mine then return nil, around end
  if not closed then
    look.fail("block '%s' begins in '%s' and never ends: mend its marker lines there", key, attrs.path)
  end
  local content = table.concat(mine, "\n", 2, #mine - 1)
  if #mine > 2 then content = content .. "\n" end
  local function shown(value) return secret and taint.wrap(value, "previous") or value end
  return {
    path = attrs.path, comment = comment, content = shown(content), label = attrs.label,
    stood = shown(edit.stood(text, "block", marks)),
  }
end

local function change_of(key, change)
  local attrs = change.to or change.from
  local label = attrs.label or key
  local marks, lines = markers(label, (change.from or attrs).comment), {}
  if change.to then
    local new = markers(label, attrs.comment)
    lines = edit.lines(taint.reveal(attrs.content))
    table.insert(lines, 1, new[1])
    lines[#lines + 1] = new[2]
  end
  return {
    how = "block", there = change.from ~= nil, marks = marks, groups = edit.groups(change, lines),
    create = attrs.create, unmake = edit.unmakes(change),
    secret = taint.is(attrs.content), mode = taint.is(attrs.content) and "0600" or "0644",
  }, attrs.path
end

function block.last_line(key, attrs) return markers(attrs.label or key, attrs.comment)[2] end

function block.steps(key, change)
  local how, path = change_of(key, change)
  return { edit.step(path, how, ("%s '%s' in %s"):format(change.to and "write block" or "remove block", key, path)) }
end

function block.effects(key, change, model)
  local how, path = change_of(key, change)
  edit.effects(model, path, how, "block:" .. key)
end

return block
