--- Reading the state repository for people: commits and what they changed.
-- No host is touched. Plain git finds the same.

local diff = require "neap.core.diff"
local json = require "neap.core.json"
local fault = require "neap.engine.fault"
local project = require "neap.engine.project"

local log = {}

--- Opens the state repository or says that there is none.
function log.open(opts)
  local st = project.open(opts)
  if not st then
    fault.raise("usage", nil, "no state repository here: nothing was applied yet, or say where it is with --state DIR")
  end
  return st
end

--- A revision as a commit id.
function log.resolve(st, rev)
  local id, message = st:resolve(rev)
  if not id then fault.raise("usage", nil, "%s", message) end
  return id
end

function log.time(seconds) return os.date("%Y-%m-%d %H:%M:%S", seconds) end

local function color_of(line)
  local sign = line:sub(1, 1)
  if sign == "+" then return "green" end
  if sign == "-" then return "red" end
  if sign == "@" then return "cyan" end
end

local function print_text(ui, path, old, new)
  local text, why = diff.unified(old or "", new or "", { context = 3, old_label = path, new_label = path })
  if not text then
    ui:line("  " .. ui:clean(why or "binary") .. " content")
    return
  end
  local header = true
  for line in text:gmatch("[^\n]+") do
    if header and line:match("^@@") then header = false end
    if not header then
      local color = color_of(line)
      ui:line("  " .. (color and ui:paint(color, line) or ui:clean(line)))
    end
  end
end

local SIGN = { added = "+", deleted = "-", modified = "~" }
local COLOR = { added = "green", deleted = "red", modified = "yellow" }

--- Whether a path of the repository is one of these hosts' (nil: any).
local function of_hosts(path, names)
  if not names then return true end
  local host = path:match("^hosts/([^/]+)/")
  return host ~= nil and names[host] == true
end

--- Prints what differs from revision `a` (nil: the empty state) to `b`.
-- @param names set of host names, or nil for all that was recorded
-- @return number of differing files of hosts
function log.print_diff(ui, st, a, b, names)
  local count = 0
  for _, change in ipairs(st:diff(a, b, "hosts")) do
    if of_hosts(change.path, names) then
      count = count + 1
      ui:line(ui:paint(COLOR[change.status], SIGN[change.status] .. " " .. change.path))
      print_text(ui, change.path, change.old, change.new)
      ui:event { event = "difference", path = change.path, status = change.status, old = change.old, new = change.new }
    end
  end
  return count
end

--- What a run recorded of itself, decoded; {} where it is not to be read.
function log.run_of(st, id)
  local value = json.decode(st:read(id, "run.json") or "{}")
  return type(value) == "table" and value or {}
end

--- { [host] = true } of -l for verbs that have no inventory: names and globs.
function log.host_filter(opts, st, rev)
  if not opts.limit then return nil end
  local names = {}
  for _, limit in ipairs(opts.limit) do
    for pattern in limit:gmatch("[^,:]+") do
      local lua_pattern = "^" .. pattern:gsub("[%-%.%+%[%]%(%)%$%^%%]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
      local found = false
      for _, entry in ipairs(st:list(rev, "hosts")) do
        if entry.name:match(lua_pattern) then
          names[entry.name] = true
          found = true
        end
      end
      if not found then fault.raise("usage", nil, "no recorded host matches '%s'", pattern) end
    end
  end
  return names
end

return log
