--- One line in a file that somebody else writes.
-- The line is there exactly as written. With `match`, lines that match are replaced by it, so that one line of the
-- kind is left. An absent line is taken away wherever it stands. A whole file is better managed as `file`.
-- @usage line "no root login" {
--   path = "/etc/ssh/sshd_config", line = "PermitRootLogin no", match = "^#?%s*PermitRootLogin%s",
-- }
-- @usage absent.line "no swap" { path = "/etc/fstab", match = "%sswap%s" }
local edit = require "neap.edit"
local look = require "neap.look"
local place = require "neap.place"
local taint = require "neap.core.taint"

local line = {
  name = "line", key = "name", atomic = true, widens = { "match" },
  attributes = {
    path = { type = "string", required = true, always = true, kept = place.is_path, doc = "The file." },
    line = { type = "string", always = true, doc = "The line, without its newline; may hold secrets." },
    match = { type = "string", option = true,
      doc = "A Lua pattern; lines that match are ours. Anchor it with ^ where it should not match in mid-line." },
    below = { type = "string", option = true,
      doc = "Where a new line goes: below the last line equal to this one; otherwise to the end of the file." },
    create = { type = "boolean", option = true, doc = "Make the file when there is none." },
    was = { type = "string", option = true, recorded = false, readonly = true,
      doc = "The lines that are recorded of it; a rollback says so." },
    stood = edit.STOOD, apart = edit.APART,
  },
  equal = { stood = edit.anywhere, apart = edit.anywhere },
}

local function check_pattern(pattern)
  local ok, why = pcall(string.find, "", pattern)
  if not ok then error(("match is no Lua pattern: %s"):format(why), 0) end
end

function line.check(_, attrs)
  place.check(attrs.path)
  if not attrs.line then error("attribute 'line' is required", 0) end
  if taint.reveal(attrs.line):find("[\n%z]") then error("'line' is one line: use block for several", 0) end
  if attrs.match then check_pattern(attrs.match) end
  return attrs
end

--- Which lines its label stands for.
function line.denotes(_, attrs)
  local what = attrs.match or not taint.is(attrs.line) and attrs.line or ""
  return attrs.path and attrs.path .. "\0" .. what
end

function line.depends(_, attrs)
  local ids = look.depends(attrs.path, {})
  ids[#ids + 1] = "file:" .. attrs.path
  return ids
end

-- The distinct ones of these lines, those that are ours.
local function distinct(lines, is_ours)
  local list, seen = {}, {}
  for _, one in ipairs(lines) do
    if not seen[one] and is_ours(one) then
      seen[one] = true
      list[#list + 1] = one
    end
  end
  return list
end

local function ours(text, attrs)
  local wanted, was = attrs.line and taint.reveal(attrs.line), {}
  for _, one in ipairs(edit.lines(attrs.was and taint.reveal(attrs.was) or "")) do was[one] = true end
  return distinct(edit.lines(text), function(one)
    return one == wanted or was[one] or attrs.match and one:find(attrs.match)
  end)
end

--- The file that it is a part of.
function line.inside(_, attrs) return attrs.path end

function line.probe(host, key, want, attrs)
  attrs = want or attrs
  if not attrs or not attrs.path or not (attrs.line or attrs.match) then
    look.fail("line '%s': say its path, and line or match", key)
  end
  if attrs.match then check_pattern(attrs.match) end
  local text, secret, around = edit.text(host, attrs.path, attrs.create, want)
  local mine = ours(text, attrs)
  if not mine[1] then return nil, around end
  local function shown(value) return secret and taint.wrap(value, "previous") or value end
  return {
    path = attrs.path, line = shown(table.concat(mine, "\n")), stood = shown(edit.stood(text, "line", mine)),
    apart = shown(edit.apart(text, "line", mine)),
  }
end

local function change_of(change)
  local from, to = change.from, change.to
  local attrs = to or from
  local new, old = to and edit.lines(taint.reveal(to.line)) or {}, from and edit.lines(taint.reveal(from.line))
  local function fits(lines)
    return table.concat(distinct(lines, function() return true end), "\n") == taint.reveal(to.line)
  end
  return {
    how = "line", there = from ~= nil, marks = old or new, groups = edit.groups(change, new, fits),
    create = attrs.create, unmake = edit.unmakes(change),
    secret = taint.is(to and to.line) or taint.is(from and from.line), mode = taint.is(attrs.line) and "0600" or "0644",
  }, attrs.path
end

function line.last_line(_, attrs) return attrs.line and taint.reveal(attrs.line):match("[^\n]*$") end

function line.steps(key, change)
  local how, path = change_of(change)
  return { edit.step(path, how, ("%s '%s' in %s"):format(change.to and "write line" or "remove line", key, path)) }
end

function line.effects(key, change, model)
  local how, path = change_of(change)
  edit.effects(model, path, how, "line:" .. key)
end

-- What it made of what was there before is its own, though no pattern tells it any more.
local function settle(resource)
  local now = resource.before and resource.before.state
  resource.attrs.was = now and now.line or nil
end

line.rollback = { settle = settle }

return line
