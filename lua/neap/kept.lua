--- What was taken out of a directory and is not recorded as text: it is moved aside on the host itself, so that a way
-- back finds it.
--
--     /etc/app.d/old.conf ─▶ /var/lib/neap/kept/%2Fetc%2Fapp.d/old.conf
--
-- Of each name the last one taken is kept, until somebody removes it.
local sh = require "neap.sh"

local kept = { DIR = "/var/lib/neap/kept" }

--- Where the things of a directory are kept.
function kept.place(dir) return kept.DIR .. "/" .. dir:gsub("%%", "%%25"):gsub("/", "%%2F") end

--- Shell text, run in the directory `dir`, that moves `names` aside.
function kept.take(dir, names)
  local store = kept.place(dir)
  local lines = { sh("( umask 077; mkdir -p %s ) || exit 1\n", store) }
  for _, name in ipairs(names) do
    lines[#lines + 1] = sh("rm -rf -- %s && mv -f -- %s %s || exit 1\n", store .. "/" .. name, "./" .. name,
      store .. "/" .. name)
  end
  return table.concat(lines)
end

--- The places where a thing of a directory may be kept: by itself, or in the directory, where that was taken whole.
function kept.places(dir, name)
  local above, own = dir:match("^(.*)/([^/]+)$")
  local whole = above and kept.place(above) .. "/" .. own
  return { kept.place(dir) .. "/" .. name, whole and whole .. "/" .. name or nil }
end

--- Shell text, run in the directory `dir`, that brings `names` back; what stands there meanwhile stays.
function kept.bring_back(dir, names)
  local lines = {}
  for _, name in ipairs(names) do
    lines[#lines + 1] = sh("n=%s\n", "./" .. name) ..
      "for away in " .. sh.words(kept.places(dir, name)) .. [[; do
  if [ -e "$n" ] || [ -h "$n" ]; then break; fi
  if [ -e "$away" ] || [ -h "$away" ]; then mv -- "$away" "$n" || exit 1; fi
done
[ -e "$n" ] || [ -h "$n" ] || exit 1
]]
  end
  return table.concat(lines)
end

return kept
