--- Patterns that choose hosts, as `-l`, `on` and `hosts` take them.
--     web              a host or a group           web:db  web,db   in either
--     web*  node[12]   globs over hosts and groups  web:&db          in both
--     all  *           every host                   web:!node3       but not that one
-- As in Ansible, what is wanted is gathered first, then narrowed by `&`, then by `!`, in whatever order they stand.
local fault = require "neap.engine.fault"
local near = require "neap.near"

local limit = {}

-- A set of a glob, such as [a-c] or [!]x], as one of a Lua pattern.
local function from_set(negated, first, rest)
  local members = (first .. rest):gsub("[^%w%-]", "%%%0"):gsub("^%-", "%%-"):gsub("%-$", "%%-")
  return (negated == "" and "[" or "[^") .. members .. "]"
end

local PLAIN = { ["*"] = ".*", ["?"] = "." }

-- A glob as a Lua pattern; nil where a '[' is not closed.
local function from_glob(glob)
  local parts, at = {}, 1
  while at <= #glob do
    local char = glob:sub(at, at)
    local negated, first, rest, next_at = glob:match("^%[(!?)(.)([^%]]*)%]()", at)
    if char ~= "[" then
      parts[#parts + 1] = PLAIN[char] or (char:gsub("%W", "%%%0"))
    elseif negated and first ~= "!" then
      parts[#parts + 1] = from_set(negated, first, rest)
    else
      return nil
    end
    at = next_at or at + 1
  end
  return "^" .. table.concat(parts) .. "$"
end

local function names_of(model)
  local names = {}
  for name in pairs(model.by_name) do names[#names + 1] = name end
  for name in pairs(model.groups) do names[#names + 1] = name end
  return names
end

local function in_glob(model, glob, opts)
  local chosen, pattern = {}, from_glob(glob)
  if not pattern then
    fault.raise(opts.code, opts.where, "pattern '%s' is no glob: a '[' is not closed", glob)
  end
  for _, host in ipairs(model.hosts) do
    chosen[host.name] = host.name:find(pattern) ~= nil or nil
    for _, group in ipairs(host.groups) do
      if group:find(pattern) then chosen[host.name] = true end
    end
  end
  return chosen
end

-- The set of hosts that one term names.
local function in_term(model, term, opts)
  if term == "all" or term == "*" then return in_glob(model, "*", opts) end
  if model.by_name[term] then return { [term] = true } end
  if model.groups[term] then
    local chosen = {}
    for _, host in ipairs(model.hosts) do chosen[host.name] = host.in_group[term] end
    return chosen
  end
  if term:find("[*?%[]") then
    local chosen = in_glob(model, term, opts)
    if opts.strict and next(chosen) == nil then
      fault.raise(opts.code, opts.where, "pattern '%s' matches no host and no group", term)
    end
    return chosen
  end
  fault.raise(opts.code, opts.where, "no host or group '%s' in the inventory%s", term, near.hint(term, names_of(model)))
end

local function split(pattern, opts)
  local terms = { wanted = {}, both = {}, without = {} }
  for term in pattern:gmatch("[^:,]+") do
    term = term:match("^%s*(.-)%s*$")
    local sign, name = term:match("^([&!]?)%s*(.*)$")
    local kind = sign == "&" and "both" or sign == "!" and "without" or "wanted"
    if name == "" then fault.raise(opts.code, opts.where, "pattern '%s' has an empty part", pattern) end
    table.insert(terms[kind], name)
  end
  if #terms.wanted == 0 then
    if #terms.both + #terms.without == 0 then fault.raise(opts.code, opts.where, "an empty pattern chooses no host") end
    terms.wanted[1] = "all"
  end
  return terms
end

--- The hosts that `pattern` chooses, in the inventory's order.
-- @param opts strict (a glob that matches nothing is an error), code and where of faults
function limit.select(model, pattern, opts)
  opts = { strict = opts and opts.strict, code = opts and opts.code or "usage", where = opts and opts.where }
  if type(pattern) ~= "string" then
    fault.raise(opts.code, opts.where, "a pattern is a string, not a %s", type(pattern))
  end
  local terms = split(pattern, opts)
  local chosen = {}
  for _, term in ipairs(terms.wanted) do
    for name in pairs(in_term(model, term, opts)) do chosen[name] = true end
  end
  for _, term in ipairs(terms.both) do
    local other = in_term(model, term, opts)
    for name in pairs(chosen) do chosen[name] = other[name] end
  end
  for _, term in ipairs(terms.without) do
    for name in pairs(in_term(model, term, opts)) do chosen[name] = nil end
  end
  local list = {}
  for _, host in ipairs(model.hosts) do
    if chosen[host.name] then list[#list + 1] = host end
  end
  return list
end

return limit
