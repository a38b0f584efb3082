--- Reading the state repository for people: commits and what they changed.
-- No host is touched. Plain git finds the same.

local json = require "neap.core.json"
local fault = require "neap.engine.fault"
local moment = require "neap.engine.moment"
local project = require "neap.engine.project"

local log = {}

-- So many commits are read at a time.
local PAGE = 200

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
  if not id then
    local is_too_far = rev:find("^HEAD[~^]") and st:head()
    local is_genesis = rev == "genesis"
    local advice = is_genesis and ", but what was before the first one: `neap diff genesis` tells what has come since"
      or is_too_far and ": `neap history` shows those that there are" or ""
    fault.raise("usage", nil, "%s%s", message, advice)
  end
  return id
end

--- Walks the commits up to `rev`, newest first; with `path` those that changed
-- it or anything below, with `line` also those whose message has one that
-- begins so. Read in pages, so that who stops early has not read all.
-- @usage for commit in log.commits(st, "HEAD") do … end
function log.commits(st, rev, path, line)
  local page, i = nil, 0
  local function turn()
    if page and (#page < PAGE or not page[PAGE].parents[1]) then return end
    local message
    page, message = st:log { rev = page and page[PAGE].parents[1] or rev, path = path, line = line, max = PAGE }
    if not page then fault.raise("store", nil, "%s", message) end
    i = 1
  end
  return function()
    i = i + 1
    if not page or i > #page then turn() end
    return page[i]
  end
end

--- The newest commit that was there at a moment (see moment.parse).
function log.before(st, text)
  local seconds = moment.parse(text)
  for commit in log.commits(st, st:head()) do
    if commit.time <= seconds then return commit.id end
  end
  fault.raise("usage", nil, "nothing was recorded before %s", moment.text(seconds))
end

--- What a run recorded of itself, decoded; {} where it is not to be read.
function log.run_of(st, id)
  local value = json.decode(st:read(id, "run.json") or "{}")
  return type(value) == "table" and value or {}
end

--- The last line of the JSON stream of a verb that only reads.
function log.summary(ui, changes, commit)
  ui:event { event = "summary", exit = 0, changes = changes, commit = commit or json.null, hosts = {} }
end

--- { [host] = true } of -l for verbs that have no inventory: names and globs
-- of hosts that are recorded in one of the revisions (nil: the empty state).
function log.host_filter(opts, st, a, b)
  if not opts.limit then return nil end
  local names, recorded = {}, {}
  for _, rev in ipairs { a or b, b } do
    for _, entry in ipairs(st:list(rev, "hosts")) do recorded[entry.name] = true end
  end
  for _, limit in ipairs(opts.limit) do
    for pattern in limit:gmatch("[^,:]+") do
      local lua_pattern = "^" .. pattern:gsub("[%-%.%+%[%]%(%)%$%^%%]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
      local found = false
      for name in pairs(recorded) do
        if name:match(lua_pattern) then
          names[name] = true
          found = true
        end
      end
      if not found then fault.raise("usage", nil, "no recorded host matches '%s'", pattern) end
    end
  end
  return names
end

return log
