--- What nobody needs any more once some packages are gone: unneeded("nginx haproxy", "nginx-common gawk", "mawk") ->
-- { "nginx-common", … }. The second are candidates; the third are to be there then, of which those count that can be
-- had now. The candidates go all, as far as they were installed automatically, if nothing but they would go along.
-- Otherwise those of which apt says that nothing needs them then, and something did until now: it keeps some that only
-- could be needed (what one of several packages provides).
local apt = require "neap.apt"
local sh = require "neap.sh"

local SCRIPT = [[
gone() {
  apt_get -s -o Debug::NoLocking=true -o APT::Get::AutomaticRemove=true -o APT::AutoRemove::SuggestsImportant=false \
    -o APT::AutoRemove::RecommendsImportant=false "$@" |
    sed -n 's/^Remv \([^ ]*\).*/\1/p' | sort -u
}
fresh || update
W=$(mktemp -d "$D/unneeded.XXXXXX") || fail "cannot write to $D"
trap 'rm -rf "$W"' EXIT
come() { sed -n 's/^Inst \([^ ]*\).*/\1/p' | sort -u; }
gone install >"$W/today"
apt-cache -o Dir::State::lists="$D/lists" -o Dir::Cache="$D" -o Dir::Cache::srcpkgcache= \
  -o Dir::Etc::sourceparts="$parts" pkgnames | sort -u >"$W/names"
known() { printf '%s\n' "$@" | sort -u | comm -12 - "$W/names"; }
can_come() { apt_get -s -o Debug::NoLocking=true --no-install-recommends install "$@" >/dev/null 2>&1; }
# Of a name that is known there may be no version: all that is left of it then is its configuration.
possible() {
  can_come "$@" && { printf '%s\n' "$@"; return; }
  for name; do ! can_come "$name" || printf '%s\n' "$name"; done
}
without() { for name in "$@"; do printf '%s-\n' "$name"; done; }
unneeded() { # NAMES CANDIDATES COMING, words in each
  set -- "$1" "$2" "$(known $3)"
  [ -z "$3" ] || set -- "$1" "$2" "$(possible $3)"
  auto=
  [ -z "$2" ] || auto=$(apt-mark showauto $2 2>/dev/null)
  : >"$W/come"
  [ -z "$3" ] || apt_get -s -o Debug::NoLocking=true --no-install-recommends install $(without $1) $3 2>/dev/null |
    come >"$W/come"
  if apt_get -s -o Debug::NoLocking=true --no-install-recommends install $(without $1 $auto) $3 >"$W/all" 2>/dev/null &&
    [ -z "$(come <"$W/all" | comm -23 - "$W/come")" ]; then
    sed -n 's/^Remv \([^ ]*\).*/\1/p' "$W/all" | sort -u >"$W/then"
    printf '%s\n' $1 $auto | sort -u >"$W/asked"
    if [ -z "$(comm -23 "$W/then" "$W/asked")" ]; then
      printf '%s\n' $auto | sort -u | comm -12 - "$W/then"
      return
    fi
  fi
  gone --no-install-recommends install $(without $1) $3 >"$W/then"
  comm -13 "$W/today" "$W/then"
}
]]

local function script(list)
  local text = { apt.PRELUDE, SCRIPT }
  for i, args in ipairs(list) do
    text[#text + 1] = sh("printf '#%%d\\n' %d; unneeded %s %s %s\n", i, args[1], args[2] or "", args[3] or "")
  end
  return table.concat(text)
end

return { name = "unneeded", script = script, parse = apt.numbered, timeout_ms = 10 * 60 * 1000 }
