--- The packages that ship what is at a path: owners("/usr/share/nginx/html/index.html") -> { "nginx-common" }; {} where
-- none does. A directory may have many. What a package has put aside for another one (a diversion) is not told.
local names = require "neap.names"

-- Told of a path that no package ships.
local NOT_FOUND = 1

-- dpkg takes names with these for patterns.
local function escaped(list)
  local paths = {}
  for i, args in ipairs(list) do paths[i] = { (args[1]:gsub("[%*%?%[\\]", "\\%0")) } end
  return paths
end

local function script(list)
  local command, stdin = names.run("dpkg-query -S --", escaped(list))
  return "LC_ALL=C; export LC_ALL\n" .. command, stdin
end

local function parse(r, list)
  names.ran(r, "owners", NOT_FOUND)
  local of, answers = {}, {}
  for i, args in ipairs(list) do
    of[args[1]] = of[args[1]] or {}
    answers[i] = of[args[1]]
  end
  for line in r.out:gmatch("[^\n]+") do
    local packages, path = line:match("^([%w+.:, -]-): (/.*)$")
    if of[path] and not packages:find("^diversion ") and not packages:find("^local diversion ") then
      for name in packages:gmatch("[^, ]+") do table.insert(of[path], (name:match("^[^:]*"))) end
    end
  end
  return answers
end

return { name = "owners", script = script, parse = parse }
