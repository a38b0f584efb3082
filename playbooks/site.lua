-- The stack, no single point of failure but the database's primary. Three machines do; one or nine do as well.
--
--     neap plan playbooks/site.lua -i inventory.lua --secrets secrets
--
-- What can be set, and to what it is set otherwise, is in defaults.lua.
on "db"  { "mysql" }
on "web" { "rotation", "app", "nginx" }
on "lb"  { "haproxy", "keepalived" }
on "all" { "firewall" } -- where firewall.enabled says so
