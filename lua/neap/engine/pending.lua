--- A rollback that did not reach a host: what it was to do there, as status.json has it, and which one does it.
--
--     { target = commit id | "genesis", tags = { name … } of -t | nil: all, options = { name … } }

local destination = require "neap.engine.destination"
local sh = require "neap.sh"
local json = require "neap.core.json"
local tags = require "neap.engine.tags"

local pending = {}

-- Of the options of a rollback, those that say how it goes back, by name; `decides`: without it less goes back, and
-- nothing says so.
local OPTIONS = {
  { name = "theirs" }, { name = "ours" }, { name = "allow_data_loss" }, { name = "allow_barriers" },
  { name = "keep_versions" }, { name = "remove_homes", decides = true },
}

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

-- The names of a set, sorted; nil where there are none.
local function list_of(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list[1] and json.array(list) or nil
end

--- What a rollback with these options is to do: { tags, options }.
function pending.asked(opts)
  local names = {}
  for _, option in ipairs(OPTIONS) do names[option.name] = opts[option.name] or nil end
  return { tags = opts.tags and list_of(set_of(tags.asked(opts.tags))), options = list_of(names) }
end

--- Whether who does `more` does all of `less`, to the same commit.
function pending.covers(more, less)
  local has, can = set_of(more.tags), set_of(more.options)
  for _, option in ipairs(OPTIONS) do
    if option.decides and set_of(less.options)[option.name] and not can[option.name] then return false end
  end
  if not more.tags then return true end
  for _, name in ipairs(less.tags or {}) do
    if not has[name] then return false end
  end
  return less.tags ~= nil
end

-- What two are to do together.
local function both(a, b)
  local names, options = set_of(a.tags), set_of(a.options)
  for _, name in ipairs(b.tags or {}) do names[name] = true end
  for _, name in ipairs(b.options or {}) do options[name] = true end
  return { tags = a.tags and b.tags and list_of(names), options = list_of(options) }
end

--- What is pending where one more rollback does not reach a host on which one was pending; nil where that one stays so:
-- it does as much, or something else that has to be done, or discarded, before.
-- @param was status.json; target, asked: of the one more
function pending.after(was, target, asked)
  local is_same = was.target == target
  if is_same and pending.covers(was, asked) then return nil end
  if pending.covers(asked, was) then return asked end
  return is_same and both(was, asked) or nil
end

--- The command that carries it out.
-- @param was status.json
function pending.command(was, host)
  local target, words = tostring(was.target or "?"), {}
  if target ~= destination.GENESIS then target = target:sub(1, 12) end
  words[1] = ("neap rollback %s -l %s"):format(target, host)
  if was.tags then words[2] = "-t " .. sh.quote(table.concat(was.tags, ",")) end
  local options = set_of(was.options)
  for _, option in ipairs(OPTIONS) do
    if options[option.name] then words[#words + 1] = "--" .. option.name:gsub("_", "-") end
  end
  return table.concat(words, " ")
end

return pending
