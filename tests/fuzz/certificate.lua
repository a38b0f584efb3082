--- Certificates that hosts show, as bytes.
local certificate = require "neap.engine.certificate"
local crypto = require "neap.core.crypto"
local must = require "must"

return function(input)
  local cert = certificate.parse(input)
  if not cert then return end
  must(type(cert.type) == "string" and not cert.type:find("cert"), "it is of no type of key")
  must(input:find(cert.key:sub(5 + #cert.type), 1, true), "its key does not stand in it")
  for _, name in ipairs(cert.principals) do must(type(name) == "string", "a host without a name") end
  local why = certificate.objection(cert, "web1", "ssh-ed25519 AAAA\n", 1800000000)
  must(type(why) == "string", "nobody has signed it, and it is good")
  -- As if the one who says that he signed it were one who may: now, and at a time that is its own.
  local line = "ssh-ed25519 " .. crypto.base64(cert.authority) .. "\n"
  for _, now in ipairs { 1800000000, cert.after } do
    why = certificate.objection(cert, cert.principals[1] or "web1", line, now)
    must(why or #cert.principals > 0 and cert.critical == "", "it is good for nobody, or unheard")
  end
end
