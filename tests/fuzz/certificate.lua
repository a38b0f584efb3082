--- Certificates that hosts show, as bytes.
local certificate = require "neap.engine.certificate"
local must = require "must"

return function(input)
  local cert = certificate.parse(input)
  if not cert then return end
  must(type(cert.type) == "string" and not cert.type:find("cert"), "it is of no type of key")
  must(input:find(cert.key:sub(5 + #cert.type), 1, true), "its key does not stand in it")
  for _, name in ipairs(cert.principals) do must(type(name) == "string", "a host without a name") end
  local why = certificate.objection(cert, "web1", "ssh-ed25519 AAAA\n", 1800000000)
  must(type(why) == "string", "nobody has signed it, and it is good")
end
