--- Packages that our connection hangs on: what removes one of them, or puts an older one in its place, would lock
-- us out, and cannot be guarded, since what is gone is not there to bring back. So it is refused while it is planned;
-- `guard = false` on the package does it all the same.
local lifeline = {}

local function bare(name) return (name:match("^[^:]*")) end

--- { [package] = what of it is in use }
function lifeline.of(host) return host:lifeline("") or {} end

local function told(changes, name)
  for _, change in ipairs(changes) do
    if bare(change.resource.key) == name then
      return change.resource.meta and change.resource.meta.guard == false, change
    end
  end
end

local WHY = {
  removed = "would be removed, and Neap reaches this host through it (%s)",
  downgraded = "would be replaced by an older one, and Neap reaches this host through it (%s)",
}

--- Why a transaction must not be: nil, or the sentence that says so, and the change that is to blame.
-- @param transaction of neap.apt
function lifeline.refusal(host, transaction, changes)
  local uses
  for _, kind in ipairs { "removed", "downgraded" } do
    for _, entry in ipairs(transaction[kind]) do
      uses = uses or lifeline.of(host)
      local name = bare(entry.name)
      local allowed, change = told(changes, name)
      -- A way back to what once was may well be to an older one.
      local is_way_back = kind == "downgraded" and change and change.resource.back
      if uses[name] and not allowed and not is_way_back then
        return ("'%s' " .. WHY[kind] .. ": make another way in first, or say guard = false on it"):format(name,
          uses[name]), change
      end
    end
  end
end

return lifeline
