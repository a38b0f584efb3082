--- Which of some packages cannot go while others are to be there: needed("nginx gawk", "mawk haproxy", "{}") ->
-- { "gawk", … }, of the first those without which the second could not all be installed. The third argument is JSON:
-- the sources that will have been written or removed by then, see apt.with_sources.
local apt = require "neap.apt"
local json = require "neap.core.json"
local sh = require "neap.sh"

-- Mostly none is, which one look tells.
local SCRIPT = [[
fresh || update
# apt does not mind that one goes which is there already; what is held may go with what it needs.
could() {
  said=$(apt_get -s -o Debug::NoLocking=true --no-install-recommends --no-upgrade --ignore-hold \
    --allow-change-held-packages install "$@" 2>/dev/null) || return 1
  for wanted; do
    case "
$said" in
    *"
Remv $wanted "*) return 1 ;;
    esac
  done
}
without() { for name in $going; do printf '%s- ' "$name"; done; }
there() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^installed //p'; }
needed() { # GOING STAYING, words in each
  going=$1 staying=$2
  # one that cannot be had yet says nothing of those that are there
  could $staying || { staying=$(there $staying); [ -n "$staying" ] && could $staying; } || return 0
  ! could $staying $(without) || return 0
  for name in $going; do could $staying "$name-" || printf '%s\n' "$name"; done
}
]]

local function script(list)
  local text = { apt.PRELUDE, SCRIPT }
  for i, args in ipairs(list) do
    text[#text + 1] = ("printf '#%%d\\n' %d\nparts=/etc/apt/sources.list.d\n"):format(i)
    text[#text + 1] = apt.with_sources(json.decode(args[3])) .. sh("needed %s %s\n", args[1], args[2])
  end
  return table.concat(text)
end

return { name = "needed", script = script, parse = apt.numbered, timeout_ms = 10 * 60 * 1000 }
