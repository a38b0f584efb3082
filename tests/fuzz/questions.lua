--- What the questions make of a host's output: the first line names one of them (or `facts`).
local answers = require "answers"
local facts = require "neap.engine.facts"
local json = require "neap.core.json"
local must = require "must"
local sys = require "neap.core.sys"

local spec = json.encode {
  groups = { { install = { { name = "nginx" } }, remove = json.array {}, recommends = false } }, repositories = {},
  paths = { "/etc/nginx" }, contents = { "/etc/nginx/nginx.conf" }, units = { "nginx.service" }, users = json.array {},
}

-- What each is asked: several, with names that are hard to tell from other text.
local ASKED = {
  apt = { { spec } },
  candidate = { { "mysql-server", "mariadb-server" }, { "nginx" } },
  content = { { "/etc/a" }, { "/etc/b c" } },
  getent = { { "passwd", "deploy" }, { "group", "33" } },
  groups = { { "deploy" }, { "www-data" } },
  holdings = { { "app", "/srv/app" }, { "deploy" } },
  installed = { { "mysql-server", "mariadb-server" }, { "nginx" } },
  lifeline = { { "" } },
  list = { { "/etc" }, { "/srv" } },
  mysql = { { "SELECT 1" }, { "SHOW GRANTS" } },
  needed = { { "nginx haproxy", "mawk", "{}" }, { "gawk", "haproxy", "{\"neap.list\":false}" } },
  offered = { { "nginx", "{}" }, { "libc6:amd64", "{\"neap.list\":false}" } },
  owners = { { "/etc/a" }, { "/etc/b c" } },
  package = { { "nginx" }, { "nginx:amd64" } },
  pending = { { "service:nginx" }, { "command:a/b" } },
  processes = { { "app" }, { "deploy" } },
  real = { { "/etc" }, { "/var/run/a" } },
  run = { { "true" }, { "false" } },
  sha256 = { { "/etc/a" }, { "/etc/b\n\\c" } },
  shadow = { { "deploy" }, { "root" } },
  stat = { { "/etc/a" }, { "/etc/b -> 'c'" }, { "/l" } },
  sysctl = { { "net.ipv4.ip_forward" }, { "kernel.x" } },
  unneeded = { { "nginx haproxy" }, { "apache2" } },
  unit = { { "nginx.service" }, { "ssh.service" } },
}

for _, file in ipairs(assert(sys.list_dir(package.searchpath("neap.questions.stat", package.path):match("^(.*)/")))) do
  assert(ASKED[file:match("^(.*)%.lua$")], file .. ": a question that is not asked in tests/fuzz/questions.lua")
end

return function(input)
  local title, next_answer = answers.of(input)
  local reply = next_answer()
  if title == "facts" then return facts.parse(reply.out) end
  local list = ASKED[title]
  if not list then return end
  local kind = require("neap.questions." .. title)
  must(kind.script(list), "no script")
  for i, answer in pairs(kind.parse(reply, list)) do
    must(math.type(i) == "integer" and i >= 1 and i <= #list, "an answer to what was not asked")
    if type(answer) == "table" and answer.failed then must(type(answer.failed) == "string", "why is no text") end
  end
end
