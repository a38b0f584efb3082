--- neap doc: the reference of the resource types, offline.
local command = require "neap.engine.command"
local doc = require "neap.doc"
local fault = require "neap.engine.fault"
local near = require "neap.near"
local sys = require "neap.core.sys"
local Types = require "neap.engine.types"

-- Types beside a playbook that may stand here are found too.
local function types_here()
  return Types.new(sys.stat("playbooks/types") and "playbooks/types" or sys.stat("types") and "types" or nil)
end

local function list(ui, types, names)
  local widest = 0
  for _, name in ipairs(names) do widest = math.max(widest, #name) end
  for _, name in ipairs(names) do
    local known = doc.of(types, name)
    ui:line(ui:clean(("%-" .. widest .. "s  %s"):format(name, known.summary)))
    ui:event { event = "type", type = name, summary = known.summary }
  end
end

local function show(ui, types, name)
  local known = doc.of(types, name)
  if not known then
    fault.raise("usage", nil, "no resource type '%s'%s", name, near.hint(name, types:names()))
  end
  for _, line in ipairs(doc.text(known, math.min(sys.width(), 100))) do ui:line(ui:clean(line)) end
  ui:event { event = "type", type = name, summary = known.summary, key = known.key, attributes = known.attributes }
end

return function(opts)
  return command.plain(opts, function(ui)
    local types = opts.markdown and Types.new() or types_here()
    local names = opts.args[1] and { opts.args[1] } or types:names()
    if opts.markdown then
      if not types:get(names[1]) then fault.raise("usage", nil, "no resource type '%s'", names[1]) end
      ui:out(doc.markdown(types, names))
    elseif opts.args[1] then
      show(ui, types, opts.args[1])
    else
      list(ui, types, names)
    end
    return 0
  end)
end
