--- What the last run recorded, in short: a digest a host, and what of it the
-- playbook no longer had.
--
-- Most runs change nothing, and to learn that nothing is new to record one
-- would read all records of all hosts. So a run that has recorded leaves,
-- beside the state repository, a digest of each host's states and the commit
-- they belong to. A run that finds the same digests and the same commit has
-- nothing to record and need not open the repository. It is a cache: when it
-- is missing or does not fit, the repository is read.

local crypto = require "neap.core.crypto"
local json = require "neap.core.json"
local sys = require "neap.core.sys"
local taint = require "neap.core.taint"
local entry_of = require "neap.engine.entry"

local remembered = {}

-- The same with digests in place of secrets: itself where it has none, as nearly always.
local function plain(value)
  if type(value) ~= "table" then
    if taint.is(value) then return { crypto.sha256(value) } end
    return value or false
  end
  local out
  for name, member in pairs(value) do
    local safe = plain(member)
    if safe ~= member then
      if not out then
        out = {}
        for k, v in pairs(value) do out[k] = v end
      end
      out[name] = safe
    end
  end
  return out or value
end

local function names(attrs)
  local set = {}
  for name in pairs(attrs) do set[name] = true end
  return set
end

--- The digest of what would be recorded of a host, or nil where it cannot be
-- told (a state holds what JSON cannot say).
function remembered.digest(resources, observed, status, rolling)
  local list = { status, rolling or false }
  for _, resource in ipairs(resources) do
    list[#list + 1] = {
      resource.id, observed[resource.id] or false, resource.absent or names(resource.attrs),
      resource.own_meta or resource.meta,
      entry_of.options(resource, observed[resource.id]) or {},
    }
  end
  local ok, text = pcall(json.encode, list)
  if not ok then ok, text = pcall(json.encode, plain(list)) end -- a secret is no JSON
  return ok and crypto.sha256(text) or nil
end

local function head_of(place)
  local text = sys.read_file(place .. "/refs/heads/main")
  if text then return text:match("^%x+") end
  text = sys.read_file(place .. "/packed-refs") -- where git gc puts it
  return text and text:match("%f[%x](%x+) refs/heads/main\n")
end

local function path_of(place) return (place:gsub("%.git$", "")) .. ".remembered.json" end

-- What is known of the repository at `place`; {} where nothing is, or it
-- belongs to another commit than `head`.
local function known_at(place, head)
  local text = sys.read_file(path_of(place))
  local known = text and json.decode(text)
  return type(known) == "table" and head and known.head == head and known or {}
end

local function member(known, name) return type(known[name]) == "table" and known[name] or {} end

--- The digests of what the repository at `place` holds: { [host] = digest };
-- empty where they are not known, or belong to another commit.
function remembered.read(place) return member(known_at(place, head_of(place)), "hosts") end

--- What the playbook no longer had at the last record: { [host] = { of = the
-- set of resources that it had instead, ids = list } }.
function remembered.abandoned(place) return member(known_at(place, head_of(place)), "abandoned") end

--- The text by which the repository's key is known again (project.check_of), at the last record; or nil.
function remembered.seal(place) return known_at(place, head_of(place)).seal end

--- Notes what the repository at `place` holds now; other hosts keep theirs if
-- the commit that they belong to was the last one before.
-- @param digests { [host] = digest }
-- @param abandoned { [host] = { of, ids } } of those hosts, where it is known
-- @param seal what remembered.seal() is to give
function remembered.keep(place, digests, abandoned, before, seal)
  local known = known_at(place, before)
  local hosts, gone = member(known, "hosts"), member(known, "abandoned")
  for host, digest in pairs(digests) do hosts[host], gone[host] = digest, abandoned[host] end
  local text = json.encode { head = head_of(place), hosts = hosts, abandoned = gone, seal = seal }
  sys.write_file(path_of(place), text .. "\n", 384) -- 0600
end

return remembered
