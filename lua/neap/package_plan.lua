--- What a transaction of packages will do, found out while planning: apt is asked, and the model of the host told.
local apt = require "neap.apt"
local debs = require "neap.debs"
local json = require "neap.core.json"
local lifeline = require "neap.lifeline"
local package_back = require "neap.package_back"
local units = require "neap.units"

local package_plan = {}

local function moves(change)
  return change.kind == "create" or change.kind == "delete" or change.kind == "update" and change.differs.version
end

--- The transactions that changes need: one, or two when only some packages want what they recommend.
function package_plan.groups(changes)
  local plain = { install = {}, remove = {}, leaving = {}, recommends = false }
  local rich = { install = {}, remove = {}, leaving = {}, recommends = true }
  for _, change in ipairs(changes) do
    local name = change.resource.key
    if moves(change) then
      if change.kind == "delete" then
        local names = { name, table.unpack(package_back.taken_by(change)) }
        table.move(names, 1, #names, #plain.remove + 1, plain.remove)
        if change.resource.leaves then table.move(names, 1, #names, #plain.leaving + 1, plain.leaving) end
      else
        local want = change.resource.attrs or {}
        table.insert((want.recommends and rich or plain).install, { name = name, version = change.to.version })
      end
    end
  end
  local groups = {}
  for _, group in ipairs { plain, rich } do
    if #group.install + #group.remove > 0 then groups[#groups + 1] = group end
  end
  return groups
end

local function first_args(list)
  local out = {}
  for i, args in ipairs(list or {}) do out[i] = args[1] end
  return out
end

-- The paths that were asked for in questions of these kinds.
local function paths_of(asked, kinds)
  local seen, paths = {}, {}
  for _, kind in ipairs(kinds) do
    for _, path in ipairs(first_args(asked[kind])) do
      if not seen[path] then
        seen[path] = true
        paths[#paths + 1] = path
      end
    end
  end
  return paths
end

local function wanted_names(changes)
  local install, remove = {}, {}
  for _, change in ipairs(changes) do
    (change.kind == "delete" and remove or install)[change.resource.key] = true
    for _, name in ipairs(package_back.taken_by(change)) do remove[name] = true end
  end
  return install, remove
end

local function names_of(list)
  local names = {}
  for i, entry in ipairs(list) do names[i] = "'" .. entry.name .. "'" end
  return table.concat(names, ", ")
end

-- What nobody asked for: nil, or the sentence that says so.
local function unasked(transaction, install, remove)
  local gone, held = {}, {}
  for _, entry in ipairs(transaction.removed) do
    if not remove[entry.name] then gone[#gone + 1] = entry end
  end
  for _, kind in ipairs { "held", "downgraded" } do
    for _, entry in ipairs(transaction[kind]) do
      if not install[entry.name] and not remove[entry.name] then held[#held + 1] = entry end
    end
  end
  if #gone > 0 then
    return ("this would remove %s, which nobody asked for: declare absent.package for what may go")
      :format(names_of(gone))
  end
  if #held > 0 then
    return ("this would change %s, which are held or would be downgraded: declare their version"):format(names_of(held))
  end
end

local NAMES_WIDTH = 90

-- "with 23 more packages: galera-4, gawk, …"
local function summary(names, with)
  local text = ("%s %d more package%s: "):format(with or "with", #names, #names == 1 and "" or "s")
  for i, name in ipairs(names) do
    if #text + #name > NAMES_WIDTH then return text .. "…" end
    text = text .. (i > 1 and ", " or "") .. name
  end
  return text
end

-- What comes along: a line of it for everybody, and a line a package for who wants to know. Upgrades are always told.
local function add_notes(transaction, install, notes, told)
  local names = {}
  for _, entry in ipairs(transaction.new) do
    if not install[entry.name] then
      names[#names + 1] = entry.name
      notes[#notes + 1] = ("brings package %s %s"):format(entry.name, entry.version)
    end
  end
  if #names > 0 then told[#told + 1] = summary(names) end
  for _, entry in ipairs(transaction.upgraded) do
    if not install[entry.name] then
      told[#told + 1] = ("upgrades package %s %s → %s"):format(entry.name, entry.was, entry.version)
    end
  end
end

-- The versions that the plan promises, in the changes and in the model.
local function predict_versions(changes, transaction, model)
  local versions = {}
  for _, kind in ipairs { "new", "upgraded", "downgraded" } do
    for _, entry in ipairs(transaction[kind]) do
      versions[entry.name] = entry.version
      model:set("package", { entry.name }, { version = entry.version, status = "installed", hold = false })
    end
  end
  for _, entry in ipairs(transaction.removed) do model:set("package", { entry.name }, nil) end
  for _, change in ipairs(changes) do
    local version = versions[change.resource.key]
    if version and change.to then
      local to = {}
      for name, value in pairs(change.to) do to[name] = value end
      to.version = version
      change.to = to
      model:set("package", { change.resource.key },
        { version = version, status = "installed", hold = to.hold or false })
    end
  end
  return versions
end

-- The ids of the packages with which another comes: its own, or, of one that comes along, of all that come now.
local function with_whom(changes, name)
  local ids = {}
  for _, change in ipairs(changes) do
    if change.kind ~= "delete" then
      if change.resource.key:match("^[^:]*") == name then return { change.id } end
      ids[#ids + 1] = change.id
    end
  end
  return ids
end

local function predict_content(host, list, changes, asked, model)
  local managed = {}
  for _, args in ipairs(asked.pending or {}) do
    local key = args[1]:match("^service:(.*)$")
    if key then managed[units.full(key)] = true end
  end
  local view = { managed = function(unit) return managed[unit] end }
  function view.answer(kind, ...)
    local edit = model:edit(kind, table.concat({ ... }, "\0"))
    if edit then return edit.answer or (edit.unknown and {}) or nil end
    return host[kind](host, ...)
  end
  for _, edit in ipairs(debs.predict(list, asked, view)) do
    model.came_with = edit.package and with_whom(changes, edit.package)
    if edit.why then
      model:forget(edit.kind, edit.args, edit.why)
    else
      model:set(edit.kind, edit.args, edit.answer)
    end
  end
  model.came_with = nil
end

-- The change that a complaint of apt is about, when it names one.
local function named_in(changes, problem)
  for _, change in ipairs(changes) do
    local name = change.resource.key:gsub("%p", "%%%0")
    if (" " .. problem .. " "):find("%f[^%s']" .. name .. "%f[%s']") then return change end
  end
end

-- What came along is noted with the first change: it goes with the last.
local function note_brought(transaction, install, change)
  for _, entry in ipairs(transaction.new) do
    if not install[entry.name] then
      change.brings = change.brings or {}
      change.brings[entry.name] = true
    end
  end
end

-- A transaction without what went before.
local function news_of(transaction, gone)
  local news = {}
  for kind, list in pairs(transaction) do
    news[kind] = {}
    for _, entry in ipairs(list) do table.insert(news[kind], not gone[entry.name] and entry or nil) end
  end
  return news
end

-- apt is asked before the first transaction of the plan is carried out: what earlier ones take away has to go again in
-- each question, and is no news in the answer.
local function ask_apt(host, spec, install, model)
  local gone, first = {}, spec.groups[1]
  local remove = table.move(first.remove, 1, #first.remove, 1, {})
  for _, name in ipairs(package_back.gone_by_then(model)) do
    gone[name] = not install[name]
    remove[#remove + 1] = gone[name] and name or nil
  end
  spec.groups[1] = { install = first.install, remove = remove, recommends = first.recommends }
  local answer, groups = host:apt(json.encode(spec)), {}
  for i, transaction in ipairs(answer.groups or {}) do groups[i] = news_of(transaction, gone) end
  return { problem = answer.problem, groups = groups, debs = answer.debs }
end

--- Resolves and downloads the transaction, and tells the model what it brings.
-- @return lines for the plan, or nil, why it cannot be done and the change that is to blame
function package_plan.simulate(host, changes, asked, model)
  local taken = package_back.take_along(host, changes, model)
  if #taken > 0 then table.insert(changes[#changes].notes, summary(taken, "and")) end
  local groups = package_plan.groups(changes)
  if #groups == 0 then return {} end
  local install, remove = wanted_names(changes)
  local answer = ask_apt(host, {
    groups = groups, repositories = apt.planned_sources(model),
    paths = paths_of(asked, { "stat", "list", "sha256", "content" }),
    contents = paths_of(asked, { "sha256", "content" }),
    units = first_args(asked.unit),
  }, install, model)
  if answer.problem then return nil, answer.problem, named_in(changes, answer.problem) end
  local notes, brought = {}, {}
  for _, transaction in ipairs(answer.groups) do
    local problem = unasked(transaction, install, remove)
    if problem then return nil, problem end
    local refusal, culprit = lifeline.refusal(host, transaction, changes)
    if refusal then return nil, refusal, culprit end
    add_notes(transaction, install, notes, changes[#changes].notes)
    note_brought(transaction, install, changes[1])
    for name, version in pairs(predict_versions(changes, transaction, model)) do brought[name] = version end
  end
  local list = {}
  for _, deb in ipairs(answer.debs) do
    if brought[deb.name] == deb.version then list[#list + 1] = deb end
  end
  predict_content(host, list, changes, asked, model)
  return notes
end

return package_plan
