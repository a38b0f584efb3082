--- Parts of files on their way back, and the file where that is a resource of its own: it brings back the whole.
--
--     file, then line    the line was found in what Neap wrote: what it was before is in the file of before
--     line, then file    the file was found with Neap's line: first the file goes back, then the line
--
-- Which came first stands with the record of what was there before: `under`.

local parts = {}

-- The file that a recorded resource is a part of, as an id, or nil.
local function file_of(rtype, entry)
  local attrs = entry.state or entry.genesis or entry.options
  local path = rtype.inside and rtype.inside(entry.key, attrs)
  return path and "file:" .. path
end

--- Whether a resource that is recorded for the first time was found in a file that is Neap's as a whole.
-- @param resources of the run
-- @param is_recorded function(id) -> whether the content of that file is recorded
function parts.is_under(resource, resources, is_recorded)
  local id = resource.rtype.inside and "file:" .. tostring(resource.rtype.inside(resource.key, resource.attrs))
  if not id then return false end
  for _, other in ipairs(resources) do
    if other.id == id then
      return not (other.leaves or other.left or other.absent) and other.attrs.content ~= nil
    end
  end
  return is_recorded(id)
end

--- What becomes of a part that goes to what was before Neap: "dropped" (its record goes, the file is enough), "covered"
-- (it goes, and the file is written over it), "after" (it goes after the file), or nil; and the id of the file.
-- @param entry, now of recorded.host()
-- @param wanted, going ids of what is there in the end by id, and of what goes
function parts.fate(rtype, entry, now, wanted, going)
  local id = file_of(rtype, entry)
  if not id then return nil end
  local file, known = wanted[id], now.resources[id]
  if file and not file.absent and file.attrs.content ~= nil then return known and "dropped" or "covered", id end
  if not going[id] or not known.genesis or known.genesis.content == nil then return nil end
  return entry.under and "dropped" or "after", id
end

--- The ids in a list of resources.
function parts.by_id(list)
  local by_id = {}
  for _, resource in ipairs(list) do by_id[resource.id] = resource end
  return by_id
end

return parts
