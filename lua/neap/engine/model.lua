--- The model of a host: what questions would be answered after the changes
-- that are planned so far.
--
-- A plan walks over the resources in order. Each planned change edits this
-- model in the terms in which probes ask: "a stat of /etc/x is now this". A
-- later resource whose probe asked one of those questions is probed again,
-- against the model, without going to the host. So a service of a package
-- that is not there yet, or a file in a directory still to be made, is
-- planned like any other.

local Model = {}
Model.__index = Model

--- One text for the arguments of a question; equal text, equal question.
function Model.argument_key(args)
  local first = args[1]
  if args[2] == nil and type(first) == "string" then return first end
  return table.concat(args, "\0")
end

--- A model without edits.
-- @param heard answers of the host, by kind and argument key, or nil
function Model.new(heard) return setmetatable({ edits = {}, heard = heard or {}, gone = {}, real = {} }, Model) end

local BELOW = { "stat", "sha256", "content", "list" }
local IS_BELOW = {}
for _, kind in ipairs(BELOW) do IS_BELOW[kind] = true end

--- Tells of paths that lead to another one (see same.lua): what is asked of the one is asked of the other.
-- @param real { [path] = where that is }
function Model:lead(real) self.real = real end

-- By which key the edits of a question stand.
local function place_of(self, kind, key) return IS_BELOW[kind] and self.real[key] or key end

local function put(self, kind, args, edit)
  edit.leaving, edit.came_with = self.leaving, self.came_with
  local of_kind = self.edits[kind]
  if not of_kind then
    of_kind = {}
    self.edits[kind] = of_kind
  end
  local place = place_of(self, kind, Model.argument_key(args))
  local old = self.partly and of_kind[place]
  edit.leaving = edit.leaving or old and old.leaving or nil
  of_kind[place] = edit
end

--- From here on the question (`kind`, `args`) is answered by `answer` (nil:
-- there is no such thing).
function Model:set(kind, args, answer) put(self, kind, args, { answer = answer }) end

--- The same, of an answer that tells the same thing in other words: with that, nothing has gone (see Model:touches).
function Model:reword(kind, args, answer)
  local old = self:edit(kind, Model.argument_key(args))
  put(self, kind, args, { answer = answer })
  self:edit(kind, Model.argument_key(args)).leaving = old and old.leaving
end

--- From here on the answer cannot be known before the apply, because `why`.
function Model:forget(kind, args, why) put(self, kind, args, { unknown = why or "it depends on an earlier change" }) end

--- The edit of a question: nil, { answer = … } or { unknown = why }.
function Model:edit(kind, key)
  local of_kind = self.edits[kind]
  return of_kind and of_kind[place_of(self, kind, key)]
end

--- What the question would be answered: answer, true; or nil, false where
-- that is not known or was never asked.
function Model:get(kind, args)
  local key = Model.argument_key(args)
  local edit = self:edit(kind, key)
  if edit then return edit.answer, not edit.unknown end
  local heard = self.heard[kind] and self.heard[kind][key]
  if heard then return heard.answer, true end
  return nil, false
end

-- Names without those that are keys of `away`, and with those that are where `are_there`; in order.
local function changed_names(names, away, are_there)
  local changed = {}
  for _, name in ipairs(names) do changed[#changed + 1] = not away[name] and name or nil end
  for name in pairs(are_there and away or {}) do changed[#changed + 1] = name end
  table.sort(changed)
  return changed
end

--- From here on these paths are among what directories list, or are not.
function Model:list_paths(paths, are_there)
  local by_dir = {}
  for _, path in ipairs(paths) do
    local dir, name = path:match("^(.*)/([^/]+)$")
    if dir then
      by_dir[dir] = by_dir[dir] or {}
      by_dir[dir][name] = true
    end
  end
  for dir, changed in pairs(by_dir) do
    local names = self:get("list", { dir })
    if names then self:set("list", { dir }, changed_names(names, changed, are_there)) end
  end
end

-- Whether a path is a key of `roots`, or lies in one that is.
local function is_below(path, roots)
  local at = path
  while at do
    if roots[at] then return true end
    at = at:match("^(.+)/[^/]*$")
  end
  return false
end

-- The same, or where that is.
local function is_in(self, path, roots)
  return is_below(path, roots) or self.real[path] ~= nil and is_below(self.real[path], roots)
end

--- From here on what was asked of these paths, and of all below them, is answered by nothing; or cannot be known,
-- because `why`.
function Model:clear_paths(paths, why)
  local roots = {}
  for _, path in ipairs(paths) do
    for _, root in ipairs { path, self.real[path] } do
      roots[root] = true
      if not why then self.gone[root] = true end
    end
  end
  for path, real in pairs(self.real) do
    if is_below(path, roots) and not is_below(real, roots) then self.real[path] = nil end -- it lies behind another link
  end
  for _, kind in ipairs(BELOW) do
    for key in pairs(self.heard[kind] or {}) do
      local asked = key:match("^%Z*")
      if is_in(self, asked, roots) then put(self, kind, { asked }, why and { unknown = why } or {}) end
    end
  end
end

--- Whether nothing will be at a path by then, whether that was asked for or not.
function Model:is_gone(path)
  local edit = self:edit("stat", path)
  if edit then return not edit.unknown and not edit.answer end
  return is_in(self, path, self.gone)
end

--- The ids of the packages with which comes what will be at a path (`came_with` was set meanwhile), where nothing else
-- that is planned so far has a hand in it; or nil.
function Model:came_with_whom(path)
  local ids
  for _, kind in ipairs { "stat", "content", "sha256" } do
    local edit = self:edit(kind, path)
    if edit and not edit.came_with then return nil end
    ids = ids or edit and edit.came_with
  end
  return ids
end

--- The ids of the packages that bring something of what was `asked` ({ kind, key } pairs), where nothing that is
-- planned so far makes another thing of it after that; or nil.
function Model:brought(asked)
  for _, question in ipairs(asked) do
    local edit = self:edit(question[1], question[2])
    if edit and edit.came_with then return edit.came_with end
  end
end

--- The first arguments of all questions of a kind that were asked so far.
function Model:asked(kind)
  local list = {}
  for key in pairs(self.heard[kind] or {}) do list[#list + 1] = key:match("^%Z*") end
  table.sort(list)
  return list
end

--- Whether one of the `asked` questions ({ kind, key } pairs) was edited; and whether by what goes to what was before
-- Neap (while `leaving` was set), maybe among others that wrote a part of the same file (while `partly` was).
function Model:touches(asked)
  local touched, leaving = false, false
  for _, question in ipairs(asked) do
    local edit = self:edit(question[1], question[2])
    touched, leaving = touched or edit ~= nil, leaving or edit ~= nil and edit.leaving == true
  end
  return touched, leaving
end

return Model
