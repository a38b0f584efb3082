--- The reference of the resource types, made from what each type says of itself: its schema and the comment on top of
-- its file (LDoc: a first sentence, more, @usage with examples).
local frozen = require "neap.engine.frozen"
local meta = require "neap.engine.meta"
local sys = require "neap.core.sys"

local doc = {}

-- Sorted so that what is always given comes first.
local function attributes_of(rtype)
  local list = {}
  for _, name in ipairs(frozen.keys(rtype.attributes)) do
    local spec = rtype.attributes[name]
    if not spec.readonly then list[#list + 1] = { name = name, spec = spec } end
  end
  table.sort(list, function(a, b)
    local ra, rb = a.spec.required and 1 or 2, b.spec.required and 1 or 2
    if ra ~= rb then return ra < rb end
    return a.name < b.name
  end)
  return list
end

-- The comment at the top of a file, without its marks.
local function comment_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do
    local body = line:match("^%-%-%-?%s?(.*)$")
    if not body then break end
    lines[#lines + 1] = body
  end
  return lines
end

-- A picture or listing, which is not broken into other lines.
local function is_drawn(text) return text:find("^   ") ~= nil end

local function add_line(paragraphs, line)
  local last = paragraphs[#paragraphs]
  if last == "" then
    paragraphs[#paragraphs] = line
  elseif is_drawn(line) ~= is_drawn(last) then
    paragraphs[#paragraphs + 1] = line
  else
    paragraphs[#paragraphs] = last .. (is_drawn(line) and "\n" or " ") .. line
  end
end

--- What the comment says: { summary = first sentence, text = { paragraphs }, usage = { examples } }.
function doc.parse(text)
  local paragraphs, usage, current = { "" }, {}, nil
  for _, line in ipairs(comment_of(text)) do
    local example = line:match("^%s*@usage%s?(.*)$")
    if example then
      usage[#usage + 1] = example
      current = #usage
    elseif current then
      usage[current] = usage[current] .. "\n" .. line
    elseif line:find("^%s*$") then
      paragraphs[#paragraphs + 1] = ""
    else
      add_line(paragraphs, line)
    end
  end
  for i, example in ipairs(usage) do usage[i] = example:gsub("^\n", ""):gsub("%s+$", "") end
  local summary, rest = paragraphs[1]:match("^(.-[.!?])%s+(.*)$")
  if summary then
    paragraphs[1] = rest
  else
    summary = table.remove(paragraphs, 1)
  end
  local kept = {}
  for _, paragraph in ipairs(paragraphs) do
    if paragraph ~= "" then kept[#kept + 1] = paragraph end
  end
  return { summary = summary or "", text = kept, usage = usage }
end

local function list_text(list)
  local parts = {}
  for i, member in ipairs(list) do parts[i] = ("\"%s\""):format(member) end
  return #parts == 0 and "{}" or #parts == 1 and parts[1] or "{ " .. table.concat(parts, ", ") .. " }"
end

-- @param other the attribute that may be given in its place, or nil
local function default_of(spec, other)
  if spec.required then return other and "required, or " .. other or "required" end
  if type(spec.default) == "function" then return "depends" end
  if type(spec.default) == "string" then return ("\"%s\""):format(spec.default) end
  if type(spec.default) == "table" then return list_text(spec.default) end
  return spec.default ~= nil and tostring(spec.default) or ""
end

local function kind_of(spec)
  if not spec.choices then return spec.type end
  local list = {}
  for i, choice in ipairs(spec.choices) do
    list[i] = type(choice) == "string" and ("\"%s\""):format(choice) or tostring(choice)
  end
  return table.concat(list, ", ")
end

--- What is known of a type: { name, key, summary, text, usage, attributes = { { name, kind, default, doc } }, triggers,
-- meta = { names } }.
function doc.of(types, name)
  local rtype = types:get(name)
  if not rtype then return nil end
  local known = doc.parse(sys.read_file(types:path(name)) or "")
  known.name, known.key, known.triggers, known.attributes = name, rtype.key, rtype.triggers or {}, {}
  local reader = {}
  for _, attribute in ipairs(attributes_of(rtype)) do
    if attribute.spec.reads then reader[attribute.spec.reads] = attribute.name end
  end
  for i, attribute in ipairs(attributes_of(rtype)) do
    known.attributes[i] = {
      name = attribute.name, kind = kind_of(attribute.spec), doc = attribute.spec.doc or "",
      default = default_of(attribute.spec, reader[attribute.name]),
    }
  end
  known.meta = frozen.keys(meta.of(rtype))
  return known
end

-- What stands for a default says so: "required", "required, or source".
local function is_required(attribute) return attribute.default:find("^required") ~= nil end

-- Text broken to a width, each line after `margin`.
local function wrap(text, width, margin)
  local lines, line = {}, ""
  if is_drawn(text) then
    for drawn in text:gmatch("[^\n]+") do lines[#lines + 1] = margin .. drawn end
    return lines
  end
  for word in text:gmatch("%S+") do
    if line ~= "" and #line + #word + 1 > width - #margin then
      lines[#lines + 1] = margin .. line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  if line ~= "" then lines[#lines + 1] = margin .. line end
  return lines
end

local function cell(text) return (text:gsub("|", "\\|"):gsub("\n", " ")) end

local function paragraph_of(text)
  if is_drawn(text) then return "```\n" .. text:gsub("^   +", ""):gsub("\n   +", "\n") .. "\n```\n" end
  return table.concat(wrap(text, 120, ""), "\n") .. "\n"
end

-- One type as a section of Markdown.
local function section(known)
  local out = { ("## %s\n"):format(known.name), paragraph_of(known.summary) }
  for _, text in ipairs(known.text) do out[#out + 1] = paragraph_of(text) end
  if #known.usage > 0 then out[#out + 1] = "```lua\n" .. table.concat(known.usage, "\n") .. "\n```\n" end
  out[#out + 1] = ("Key: the %s."):format(known.key) ..
    (#known.triggers > 0 and (" Takes `%s_on`."):format(table.concat(known.triggers, "_on`, `")) or "") .. "\n"
  if #known.attributes > 0 then
    out[#out + 1] = "| attribute | is | default | |\n| --- | --- | --- | --- |"
    for _, attribute in ipairs(known.attributes) do
      local default = attribute.default ~= "" and not is_required(attribute) and "`" .. attribute.default .. "`" or
        attribute.default
      out[#out + 1] = ("| `%s` | %s | %s | %s |"):format(attribute.name, cell(attribute.kind), cell(default),
        cell(attribute.doc))
    end
    out[#out + 1] = ""
  end
  return table.concat(out, "\n")
end

local HEAD = [[
# Resource types

Made by `docs/generate` from what the types say of themselves; `neap doc TYPE` shows the same in a terminal. How they
are declared, and the attributes that all take (`after`, `before`, `tags`, `wait`), is told in
[playbooks.md](playbooks.md).
]]

--- The whole reference as Markdown.
function doc.markdown(types, names)
  local out, contents = { HEAD }, {}
  for _, name in ipairs(names) do contents[#contents + 1] = ("[%s](#%s)"):format(name, name) end
  out[#out + 1] = table.concat(contents, " ·\n") .. "\n"
  for _, name in ipairs(names) do out[#out + 1] = section(doc.of(types, name)) end
  return table.concat(out, "\n")
end

--- One type as lines for a terminal of `width` columns.
function doc.text(known, width)
  local out = { ("%s \"%s\""):format(known.name, known.key), "" }
  local function add(lines) table.move(lines, 1, #lines, #out + 1, out) end
  add(wrap(known.summary, width, "  "))
  for _, paragraph in ipairs(known.text) do add(wrap(paragraph, width, "  ")) end
  if #known.attributes > 0 then add { "", "Attributes:" } end
  for _, attribute in ipairs(known.attributes) do
    local default = is_required(attribute) and ", " .. attribute.default or
      attribute.default ~= "" and ", default " .. attribute.default or ""
    out[#out + 1] = ("  %s (%s%s)"):format(attribute.name, attribute.kind, default)
    add(wrap(attribute.doc, width, "      "))
  end
  add { "", "Also: " .. table.concat(known.meta, ", ") }
  if #known.usage > 0 then add { "", "Examples:" } end
  for _, example in ipairs(known.usage) do
    for line in (example .. "\n"):gmatch("(.-)\n") do out[#out + 1] = "  " .. line end
  end
  return out
end

return doc
