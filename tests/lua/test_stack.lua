--- The stack's own playbooks, evaluated for other numbers of hosts than three: nothing in them is tied to a number.
local t = require "harness"
local lint = require "neap.lint"
local project = require "project"

local SOURCE = os.getenv("NEAP_TESTS_DIR") .. "/.."

-- { name, hosts, how many of them in lb, further variables }
local cases = {
  { "one host", 1, 1, "" },
  { "two hosts", 2, 2, "" },
  { "three hosts", 3, 2, "" },
  { "nine hosts", 9, 3, "" },
  { "no balancer", 2, 0, "" },
  { "active-active", 4, 2, 'vips = { "10.0.0.200", "10.0.0.201" },' },
  { "a firewall", 3, 2, "firewall = { enabled = true, ssh_from = { '10.0.0.0/8' } }," },
  { "semi-synchronous", 3, 2, "db = { semi_sync = true }," },
}

local function inventory_of(case)
  local hosts = {}
  for i = 1, case[2] do
    hosts[i] = ("node%d = { address = '10.0.0.%d', groups = { 'web', 'db'%s }%s },"):format(i, i,
      i <= case[3] and ", 'lb'" or "", i == 1 and ", vars = { db_role = 'primary' }" or "")
  end
  return ("return { vars = { vip = '10.0.0.100', domain = 'shop.test', %s }, groups = { lb = {} }, hosts = { %s } }")
    :format(case[4], table.concat(hosts, "\n"))
end

for _, case in ipairs(cases) do
  t.case("the stack on " .. case[1] .. " has no fault", function()
    local root = project.write { ["inventory.lua"] = inventory_of(case) }
    local found, counts = lint.check { playbook = SOURCE .. "/playbooks/site.lua", inventory = { root .. "/inventory.lua" } }
    local errors = {}
    for _, finding in ipairs(found) do
      if finding.severity == "error" then errors[#errors + 1] = ("%s: %s"):format(finding.where, finding.message) end
    end
    t.equal(errors, {})
    t.equal(counts.hosts, case[2])
  end)
end

project.clean()
