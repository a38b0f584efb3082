--- Marks on a host: which restarts are owed there. One is made before what is watched is written, and goes when the
-- restart has succeeded; so a run that dies in between leaves the debt where the next run finds it.
local sh = require "neap.sh"

local marks = {}

local MARKS = "/var/lib/neap/pending"

local function path_of(id) return MARKS .. "/" .. id:gsub("%%", "%%25"):gsub("/", "%%2F") end

--- A script that marks that `id` owes `verb`. A restart outweighs a reload that is owed already.
function marks.make(id, verb)
  return sh("mkdir -p %s && { test \"$(cat %s 2>/dev/null)\" = restart || printf %%s %s >%s; }\n", MARKS, path_of(id),
    verb, path_of(id))
end

--- A script that takes the mark of `id` away.
function marks.clear(id) return sh("rm -f %s; rmdir %s 2>/dev/null; :\n", path_of(id), MARKS) end

--- What a resource watches: a list of { on = id, verb = what that makes it do }.
function marks.watched(resource)
  local list = {}
  for _, verb in ipairs(resource.rtype.triggers or {}) do
    for _, id in ipairs(resource.meta[verb .. "_on"] or {}) do list[#list + 1] = { on = id, verb = verb } end
  end
  return list
end

--- Who watches what, of the run and outside it: { [id] = { { id = watcher, verb = }, … } }. What goes is not restarted.
function marks.watchers(desired)
  local watchers = {}
  for _, one in ipairs(desired.outside or {}) do
    watchers[one.on] = watchers[one.on] or {}
    table.insert(watchers[one.on], { id = one.id, verb = one.verb })
  end
  for _, resource in ipairs(desired.list) do
    for _, one in ipairs(not resource.absent and marks.watched(resource) or {}) do
      watchers[one.on] = watchers[one.on] or {}
      table.insert(watchers[one.on], { id = resource.id, verb = one.verb })
    end
  end
  return watchers
end

return marks
