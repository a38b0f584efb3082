--- Plans as people read them: signs, attributes, diffs, equal changes of
-- several hosts folded into one.

local diff = require "neap.core.diff"
local difference = require "neap.engine.difference"
local taint = require "neap.core.taint"

local show = {}

local SIGNS = {
  create = { "+", "green" }, update = { "~", "yellow" }, delete = { "-", "red" }, unknown = { "?", "cyan" },
}
-- Beyond this a text is not diffed but counted.
local DIFF_MAX_BYTES = 1024 * 1024
local VALUE_MAX = 100
-- Of a text that is new as a whole, this many lines are shown without -v.
local NEW_LINES = 12

local function is_blob(rtype, name)
  local schema = rtype.attributes[name]
  return type(schema) == "table" and schema.blob
end

local function is_option(rtype, name)
  local schema = rtype.attributes[name]
  return type(schema) == "table" and schema.option
end

local function plain_value(v)
  if v == nil then return "(none)" end
  if type(v) ~= "table" then
    local text = taint.mask(tostring(v)) -- before it is cut
    if text == "" then return '""' end
    text = text:gsub("\n", "\\n")
    if #text > VALUE_MAX then text = text:sub(1, VALUE_MAX) .. "…" end
    return text
  end
  local parts = {}
  for i, item in ipairs(v) do parts[i] = plain_value(item) end
  if #parts == 0 then
    local keys = {}
    for k in pairs(v) do keys[#keys + 1] = tostring(k) end
    table.sort(keys)
    for i, k in ipairs(keys) do parts[i] = k .. "=" .. plain_value(v[k]) end
  end
  return "[" .. table.concat(parts, ", ") .. "]"
end
show.value = plain_value

--- How what was found is another than what a plan saw, in the attributes that `names` has as keys: "mode: 0644 → 0600".
function show.moved(rtype, saw, found, names)
  if not saw then return "it is there" end
  if not found then return "it is not there" end
  local list = {}
  for name in pairs(names) do
    if not difference.same_state(rtype, found, saw, { [name] = true }) then
      list[#list + 1] = is_blob(rtype, name) and name
        or ("%s: %s → %s"):format(name, plain_value(saw[name]), plain_value(found[name]))
    end
  end
  table.sort(list)
  return table.concat(list, ", ")
end

-- A text as it may be shown. The newline at its end may be part of a secret, whose name has none.
local function text_of(v)
  if not v or taint.is(v) then return v or "" end
  local clear = tostring(v)
  local text = taint.mask(clear)
  return clear:find("\n$") and not text:find("\n$") and text .. "\n" or text
end

-- A text of which it is not known what in it is secret: it was sealed whole.
local function is_sealed(v) return taint.is(v) and tostring(v):match("^<secret:[^<>\n]*>$") ~= nil end

-- How many lines of a sealed text differ, without a word of them.
local function count_lines(before, after)
  local function clear(v) return taint.is(v) and taint.reveal(v) or v end
  local text = diff.unified(clear(before), clear(after), { context = 0, old_label = "a", new_label = "b" })
  local plus, minus, body = 0, 0, false
  for line in (text or ""):gmatch("[^\n]+") do
    body = body or line:find("^@@") ~= nil
    if body and line:find("^%+") then plus = plus + 1 end
    if body and line:find("^%-") then minus = minus + 1 end
  end
  return ("+%d −%d lines, not shown: there are secrets among them"):format(plus, minus)
end

--- The unified diff of two values of a text attribute. Secrets are shown by
-- their names; where the new text holds one, diff.unified() shows of the old
-- text what cannot be one, so there the old one may be shown in part even where
-- it counts as secret whole.
-- @return text ("" where they are equal), or nil and why there is none
function show.text_diff(name, old, new)
  local before, after = text_of(old), text_of(new)
  if taint.is(before) and taint.is(after) then before = taint.reveal(before) end
  local was, is = taint.length(before), taint.length(after)
  if was > DIFF_MAX_BYTES or is > DIFF_MAX_BYTES then return nil, string.format("%d → %d bytes", was, is) end
  if is_sealed(after) and before ~= "" or is_sealed(before) and after == "" then
    return nil, count_lines(before, after)
  end
  local text, why = diff.unified(before, after, { context = 3, old_label = name, new_label = name })
  if not text then return nil, string.format("%s, %d → %d bytes", why or "binary", was, is) end
  if text:find("\n\\ only the values of secrets differ\n", 1, true) then return nil, "a secret in it changes" end
  return text
end

local function sorted_names(...)
  local seen, names = {}, {}
  for _, t in pairs { ... } do
    for name in pairs(t) do
      if not seen[name] then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  return names
end

local function add_text(lines, name, old, new, named)
  local text, why = show.text_diff(name, old, new)
  if not text then
    lines[#lines + 1] = { text = "    " .. name .. ": " .. why }
    return
  end
  if named then lines[#lines + 1] = { text = "    " .. name .. ":" } end
  local header, first = true, #lines
  for line in text:gmatch("([^\n]*)\n?") do
    if header and line:match("^@@") then header = false end
    if not header and line ~= "" then
      local sign = line:sub(1, 1)
      local color = sign == "+" and "green" or sign == "-" and "red" or sign == "@" and "cyan" or nil
      lines[#lines + 1] = { text = "    " .. line, color = color, minor = old == nil and #lines - first > NEW_LINES }
    end
  end
  local more = #lines - first - 1 - NEW_LINES
  if old == nil and more > 0 then
    lines[#lines + 1] = { text = string.format("    … and %d more lines (-v shows them)", more), brief = true }
  end
end

-- Whether an attribute of something new was said, and is not what it would be anyway: who is let in, and where to.
local function is_said(resource, name)
  local schema, value = resource.rtype.attributes[name], (resource.attrs or {})[name]
  if type(schema) ~= "table" then return value ~= nil end
  return value ~= nil and not schema.readonly and not difference.same(value, schema.default)
end

-- Whether a type has several texts: then it is said which a diff is of.
local function has_texts(rtype)
  local count = 0
  for name in pairs(rtype.attributes) do count = count + (is_blob(rtype, name) and 1 or 0) end
  return count > 1
end

local function add_attributes(lines, change)
  local rtype = change.resource.rtype
  local from, to = change.from or {}, change.to or {}
  local names = change.kind == "update" and sorted_names(change.differs) or sorted_names(from, to)
  local named = has_texts(rtype)
  for _, name in ipairs(names) do
    local old, new = from[name], to[name]
    if is_option(rtype, name) then goto continue end
    if is_blob(rtype, name) then
      add_text(lines, name, old, new, named)
    elseif change.kind == "update" then
      lines[#lines + 1] = { text = string.format("    %s: %s → %s", name, plain_value(old), plain_value(new)) }
    elseif change.kind == "create" and new ~= nil then
      lines[#lines + 1] = {
        text = string.format("    %s: %s", name, plain_value(new)), minor = not is_said(change.resource, name),
      }
    end
    ::continue::
  end
end

--- A change as lines { text, color, minor }; the first is its head.
function show.change(change)
  local sign, color = table.unpack(SIGNS[change.kind])
  local resource = change.resource
  local only_trigger = change.trigger and change.kind == "update" and next(change.differs) == nil
  if only_trigger then sign = "!" end
  local head = string.format("  %s %s %s", sign, resource.type, resource.key)
  if change.trigger and not change.starts then head = head .. ": " .. change.trigger end
  local lines = { { text = head, color = color, where = resource.where } }
  if change.unknown then lines[#lines + 1] = { text = "    known after apply: " .. change.unknown } end
  if not only_trigger then add_attributes(lines, change) end
  if change.because and #change.because > 0 and not change.starts then
    lines[#lines + 1] = { text = "    because of " .. table.concat(change.because, ", ") }
  end
  for _, other in ipairs(resource.meta.wait or {}) do
    lines[#lines + 1] = { text = "    waits for " .. (other.id and other.id .. " on " or "host ") .. other.host }
  end
  for _, note in ipairs(change.notes) do lines[#lines + 1] = { text = "    " .. note } end
  if change.batch and change.batch.changes[#change.batch.changes] == change then
    for _, note in ipairs(change.batch.notes) do lines[#lines + 1] = { text = "    " .. note, minor = true } end
  end
  return lines
end

local function signature(lines)
  local parts = {}
  for i, line in ipairs(lines) do parts[i] = line.text end
  return table.concat(parts, "\n")
end

local function names_text(names)
  if #names <= 6 then return table.concat(names, ", ") end
  return string.format("%s, … %s (%d hosts)", table.concat(names, ", ", 1, 4), names[#names], #names)
end
show.names = names_text

local Lines = {}
Lines.__index = Lines

--- Sentences about hosts, to be printed with equal ones folded.
function show.lines() return setmetatable({ hosts = {} }, Lines) end

function Lines:add(host, text)
  if not self.hosts[text] then
    self.hosts[text] = {}
    self[#self + 1] = text
  end
  table.insert(self.hosts[text], host)
end

function Lines:print(ui)
  for _, text in ipairs(self) do ui:line(ui:paint("bold", names_text(self.hosts[text])) .. ": " .. ui:clean(text)) end
end

--- Folds the changes of several hosts: { { hosts = { name … }, lines } … }.
-- @param plans { { name, changes } … } in order
function show.fold(plans)
  local by_text, by_change, order = {}, {}, {}
  for _, host in ipairs(plans) do
    for _, change in ipairs(host.changes) do
      local group = by_change[change] -- hosts may share one (see between.plans)
      local lines = not group and show.change(change)
      local text = lines and signature(lines)
      group = group or by_text[text]
      if not group then
        group = { hosts = {}, lines = lines }
        by_text[text] = group
        order[#order + 1] = group
      end
      by_change[change] = group
      group.hosts[#group.hosts + 1] = host.name
    end
  end
  return order
end

--- Prints folded changes, a header wherever the set of hosts changes.
function show.plans(plans, ui)
  local header
  for _, group in ipairs(show.fold(plans)) do
    local names = names_text(group.hosts)
    if names ~= header then
      if header then ui:line("") end
      ui:line(ui:paint("bold", names))
      header = names
    end
    for i, line in ipairs(group.lines) do
      local wanted = ui.verbose > 0 and not line.brief or ui.verbose == 0 and not line.minor
      if wanted or i == 1 then
        local text = line.color and ui:paint(line.color, line.text) or ui:clean(line.text)
        if line.where then text = text .. "  " .. ui:paint("dim", line.where) end
        ui:line(text)
      end
    end
  end
end

local function masked_state(rtype, state)
  if not state then return nil end
  local out = {}
  for name, value in pairs(state) do
    if not is_option(rtype, name) then out[name] = taint.is(value) and tostring(value) or value end
  end
  return out
end

--- The same for programs: one "change" event a change.
-- @param more what else stands in each event, or nil
function show.events(name, changes, ui, more)
  if not ui.json then return end
  for _, change in ipairs(changes) do
    local rtype = change.resource.rtype
    local diffs
    for _, attribute in ipairs(sorted_names(change.differs)) do
      if is_blob(rtype, attribute) then
        diffs = diffs or {}
        diffs[attribute] = show.text_diff(attribute, change.from[attribute], change.to[attribute])
      end
    end
    local differs = sorted_names(change.differs)
    local event = {
      event = "change", host = name, id = change.id, type = change.resource.type, key = change.resource.key,
      action = change.kind, trigger = change.trigger, because = change.because, where = change.resource.where,
      differs = #differs > 0 and differs or nil, from = masked_state(rtype, change.from),
      to = masked_state(rtype, change.to), diff = diffs, unknown = change.unknown,
    }
    for field, value in pairs(more or {}) do event[field] = value end
    ui:event(event)
  end
end

--- { create = n, update = n, delete = n, unknown = n } and their sum.
function show.count(plans)
  local count, total = { create = 0, update = 0, delete = 0, unknown = 0 }, 0
  for _, host in ipairs(plans) do
    for _, change in ipairs(host.changes) do
      count[change.kind] = count[change.kind] + 1
      total = total + 1
    end
  end
  return count, total
end

return show
