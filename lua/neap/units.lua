--- Names of systemd's units.
local units = {}

local SUFFIXES = {
  service = 1, socket = 1, timer = 1, mount = 1, automount = 1, path = 1, target = 1, slice = 1, swap = 1,
}

--- Whether a name says what kind of unit it is, as "nginx.service" does.
function units.is_full(name) return SUFFIXES[name:match("%.(%l+)$") or ""] ~= nil end

--- The full name of a unit: "nginx" is "nginx.service", and so is "app.v2" as systemctl has it.
function units.full(name) return units.is_full(name) and name or name .. ".service" end

--- The one name by which a unit is known here, whichever of two was said: "nginx" for "nginx.service".
function units.short(name)
  local short = name:match("^(.+)%.service$")
  return short and units.full(short) == name and short or name
end

--- The template that a unit is an instance of: "getty@.service" for "getty@tty1.service", nil where it is of none.
function units.template(name)
  local prefix, instance, suffix = name:match("^([^@]+@)(.*)(%.%l+)$")
  return instance and instance ~= "" and prefix .. suffix or nil
end

--- Whether a name is that of a template, of which only instances can run.
function units.is_template(name) return name:find("^[^@]+@%.%l+$") ~= nil end

--- All instances of a template, as a pattern of systemctl's: those that systemd has loaded.
function units.instances(template) return (template:gsub("@", "@*", 1)) end

--- Where a unit of one's own making lies, and the mask of any: in the same place.
function units.path(name) return "/etc/systemd/system/" .. name end

--- Whether what a stat has found there is a mask.
function units.is_mask(st) return st ~= nil and st.kind == "symlink" and st.target == "/dev/null" end

return units
