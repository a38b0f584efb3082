--- Where a project keeps its states: `.neap/` holds the state repository and
-- the key that seals secrets in it.
--
-- It is found as git finds its own: in the folder of the playbook (or the
-- current one) or the nearest above it. Where there is none yet, it is made
-- in the current folder if the playbook lies below that, else beside the
-- playbook.

local crypto = require "neap.core.crypto"
local store = require "neap.core.store"
local sys = require "neap.core.sys"
local author = require "neap.engine.author"
local fault = require "neap.engine.fault"
local remembered = require "neap.engine.remembered"

local project = {}

local PRIVATE_DIR, PRIVATE_FILE = 448, 384 -- 0700, 0600
-- Nothing, sealed with the key of the repository: who has another key learns it at once.
local CHECK, CHECK_CONTEXT = "seal.check", "the key of this repository"

local function folder_of(path) return path:match("^(.*)/[^/]*$") end

local function search_up(dir)
  while dir and dir ~= "" do
    if sys.stat(dir .. "/.neap") then return dir .. "/.neap" end
    dir = folder_of(dir)
  end
end

local function real(path)
  local found, message = sys.real_path(path)
  if not found then fault.raise("usage", nil, "%s", message) end
  return found
end

local function new_place(start, here)
  if (start .. "/"):sub(1, #here + 1) == here .. "/" then return here .. "/.neap" end
  return start .. "/.neap"
end

-- Folder of the state repository: the repository's path and its key's.
local function place(opts)
  if opts.state then return opts.state, (folder_of(opts.state) or ".") .. "/seal.key" end
  local here = real "."
  local start = opts.playbook and folder_of(real(opts.playbook)) or here
  local dir = search_up(start) or new_place(start, here)
  return dir .. "/state.git", dir .. "/seal.key", dir
end

--- A playbook as an earlier run was told it, which may have stood in another folder: where it lies, or nil.
function project.recorded_playbook(opts, path)
  if path:sub(1, 1) == "/" or sys.stat(path) then return path end
  local above = place(opts):match("^(.*)/%.neap/[^/]*$")
  return above and above .. "/" .. path
end

local function complain(message) fault.raise("store", nil, "%s", message) end

-- Makes `.neap`, which is no part of the project's own git: who adds all of that adds no key.
local function make_folder(dir)
  if not sys.mkdir(dir, PRIVATE_DIR) then return false end
  if not sys.stat(dir .. "/.gitignore") then sys.write_file(dir .. "/.gitignore", "*\n", PRIVATE_FILE) end
  return true
end

--- Where the state repository is, or will be.
function project.place(opts) return (place(opts)) end

--- Raises a fault where a run could not be recorded, before it begins: the
-- folder cannot be made or written.
function project.check(opts)
  local path, _, dir = place(opts)
  local folder = dir or folder_of(path) or "."
  if dir and not make_folder(dir) or not sys.writable(folder) then
    fault.raise("usage", nil, "cannot keep the state in '%s': no such folder, or not writable; see --state", folder)
  end
  for _, part in ipairs(sys.stat(path) and { "", "/objects", "/refs/heads" } or {}) do
    if not sys.writable(path .. part) then
      fault.raise("usage", nil, "the state repository cannot be written ('%s'): nothing was changed", path .. part)
    end
  end
  local st <close> = sys.stat(path .. "/HEAD") and project.open(opts) or nil
  if st then author.check(st) end
end

--- Opens the state repository for reading.
-- @return store, or nil where there is none yet
function project.open(opts)
  local path, _, dir = place(opts)
  local there, why, code = sys.stat(path)
  if not there and code ~= "notfound" then complain(why) end -- another user's, say: not the same as none
  if not there then return nil end
  local st, message = store.open(path)
  if st and dir then make_folder(dir) end -- one that was cloned there has none that tells of the key
  return st or complain(message)
end

--- The same for what is shared with others: nil where it has no remote `origin`, without opening it.
function project.open_shared(opts)
  local config = sys.read_file(place(opts) .. "/config")
  return config and config:find('[remote "origin"]', 1, true) and project.open(opts) or nil
end

--- The key that opens what is sealed in it, or nil where there is none.
function project.key(opts)
  local _, path = place(opts)
  return sys.stat(path) and crypto.load_key(path) or nil
end

--- The text by which a key is known again.
function project.seal_of(key) return crypto.seal(key, "", CHECK_CONTEXT) .. "\n" end

--- What a commit on top of `head` adds so that the key is known again: { [path] = text }, {} where it is there.
function project.check_of(st, head, key)
  if head and st:read(head, CHECK) then return {} end
  return { [CHECK] = project.seal_of(key) }
end

--- Raises a fault where the commit `rev` says that its repository has another key than the one that is here.
function project.check_key_at(opts, st, rev)
  local _, key_path = place(opts)
  local text = rev and st:read(rev, CHECK)
  if not text then return end
  if not sys.stat(key_path) then
    fault.raise("usage", nil, "what is secret in the state repository is sealed, and its key is not here: copy '%s' "
      .. "from a colleague who has it", key_path)
  end
  local key, message = crypto.load_key(key_path)
  if not key then fault.raise("usage", nil, "%s", message) end
  if crypto.unseal(key, text, CHECK_CONTEXT) then return end
  fault.raise("usage", nil, "'%s' is not the key of this state repository: what is secret in it could not be opened, "
    .. "nor what you record by others: put the right one there, from a colleague who has it", key_path)
end

--- The same of HEAD, before a run does anything. Where the last record was made here, the repository is not opened.
function project.check_key(opts)
  local path = place(opts)
  if not sys.stat(path .. "/refs") then return end
  local key = project.key(opts)
  if key and remembered.seal(path) == project.seal_of(key) then return end
  local st <close> = project.open(opts)
  project.check_key_at(opts, st, st:head())
end

--- Opens it for a run that writes, making it where it is missing.
-- @return store, sealing key
function project.create(opts)
  local path, key_path, dir = place(opts)
  if dir and not make_folder(dir) then fault.raise("store", nil, "cannot make directory '%s'", dir) end
  local st, message = store.open(path, { create = true })
  if not st then complain(message) end
  local key
  key, message = crypto.load_key(key_path, { create = true })
  if not key then complain(message) end
  return st, key
end

return project
