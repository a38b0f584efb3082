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

--- Shell text, run in the directory `dir`, that brings `names` back; what stands there meanwhile stays.
function kept.bring_back(dir, names)
  local lines = {}
  for _, name in ipairs(names) do
    local away = kept.place(dir) .. "/" .. name
    lines[#lines + 1] = sh("[ -e %s ] || [ -h %s ] || mv -- %s %s || exit 1\n", "./" .. name, "./" .. name, away,
      "./" .. name)
  end
  return table.concat(lines)
end

return kept
