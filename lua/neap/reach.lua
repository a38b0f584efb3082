--- Looking whether something answers, with what a host has: bash or nc for a port, curl or bash for HTTP.
local sh = require "neap.sh"
local taint = require "neap.core.taint"

local reach = {}

local PORT = [[
address=%s port=%d
if command -v bash >/dev/null; then timeout 5 bash -c ': <>"/dev/tcp/$0/$1"' "$address" "$port" 2>/dev/null
else nc -z -w 5 "$address" "$port" 2>/dev/null </dev/null
fi || { echo "nothing answers on $address:$port" >&2; exit 1; }
]]

-- One request of HTTP/1.0, whose reply ends with the connection.
local HTTP = [[
url=%s address=%s port=%d path=%s name=%s
if command -v curl >/dev/null; then
  reply=$(curl -sSik --max-time 10 --path-as-is ${name:+-H "Host: $name"} "$url" 2>&1)
elif [ "${url#https}" != "$url" ]; then echo "no curl on this host to ask '$url' with" >&2; exit 1
elif command -v bash >/dev/null; then
  reply=$(timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1" &&
    printf "GET %%s HTTP/1.0\r\nHost: %%s\r\n\r\n" "$2" "$3" >&3 &&
    cat <&3' "$address" "$port" "$path" "${name:-$address}" 2>&1)
else echo "neither curl nor bash on this host to ask '$url' with" >&2; exit 1
fi
status=$(printf '%%s\n' "$reply" | sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p')
[ -n "$status" ] || { echo "no answer from '$url': $(printf '%%s\n' "$reply" | head -n 1)" >&2; exit 1; }
]]

local BODY = [[
printf '%%s\n' "$reply" | sed '1,/^.\{0,1\}$/d' | grep -qF -- %s || { echo %s >&2; exit 1; }
]]

local function http(attrs)
  local scheme, address, port, path = attrs.url:match("^(https?)://([^/:]+):?(%d*)(.*)$")
  port = tonumber(port) or (scheme == "https" and 443 or 80)
  local text = sh(HTTP, attrs.url, address, port, path == "" and "/" or path, attrs.host or "")
  if attrs.status then
    text = text .. sh('[ "$status" = %d ] || { echo %s" $status" >&2; exit 1; }\n', attrs.status,
      ("'%s' answers with status"):format(attrs.url))
  end
  if attrs.body then
    text = text .. sh(BODY, attrs.body, ("'%s' answers without '%s'"):format(attrs.url, attrs.body))
  end
  return text
end

--- A script that succeeds when all that `attrs` names answers: port (and address), url (and status, body, host),
-- command. Otherwise it says on standard error what does not.
function reach.script(attrs)
  local parts = {}
  if attrs.port then parts[#parts + 1] = sh(PORT, attrs.address or "127.0.0.1", attrs.port) end
  if attrs.url then parts[#parts + 1] = http(attrs) end
  if attrs.command then
    parts[#parts + 1] = "( " .. attrs.command .. "\n) || { echo " .. sh.quote(("'%s' fails"):format(attrs.command))
      .. " >&2; exit 1; }\n"
  end
  return table.concat(parts)
end

--- A script that waits for the same, for so many seconds.
function reach.wait(attrs, timeout_s)
  return "look() {\n" .. reach.script(attrs) .. "}\n" .. sh([[
began=$(date +%%s)
until said=$(look 2>&1 >/dev/null); do
  [ $(($(date +%%s) - began)) -lt %d ] || { printf '%%s, for %d s\n' "$said" >&2; exit 1; }
  sleep 0.3
done
]], timeout_s, timeout_s)
end

--- Raises unless the attributes make sense together.
function reach.check(attrs)
  if taint.is(attrs.command) or taint.is(attrs.body) then
    error("what is looked for is seen by everybody on the host: no secrets here", 0)
  end
  if not (attrs.port or attrs.url or attrs.command) then error("say what to look at: a port, url or command", 0) end
  if attrs.port and (attrs.port < 1 or attrs.port > 65535) then error(("%d is no port"):format(attrs.port), 0) end
  if attrs.url and not attrs.url:find("^https?://[%w.-]+:?%d*[^%s%c]*$") then
    error(("'%s' is no address of the kind \"http://host:port/path\""):format(attrs.url), 0)
  end
  if attrs.address and not attrs.address:find("^[%w.:-]+$") then
    error(("'%s' is no address"):format(attrs.address), 0)
  end
  return attrs
end

return reach
