--- What a database server answers to SQL that only reads: mysql("SELECT …") -> { rows = { { [1] =, [column] = } … } },
-- { error = text, number = n }, { down = why } where the server does not answer, or { absent = true } where there is
-- no client, and so no server. All statements of a round go to one client, over its standard input; each on a line
-- of its own, by which errors name it. Few of them stand in the script itself, which spares the host two forks.
local SCRIPT = [[
if command -v mariadb >/dev/null; then client=mariadb
elif command -v mysql >/dev/null; then client=mysql
else echo absent; exit 0; fi
LC_ALL=C; export LC_ALL; exec "$client" --batch --force --default-character-set=utf8mb4]]

local FEW_BYTES = 2048

local function script(list)
  local sql = {}
  for i, args in ipairs(list) do
    if args[1]:find("[\r\n]") then error("SQL of a question stands on one line", 0) end
    sql[#sql + 1] = args[1] .. ";\nSELECT " .. i .. " AS neap_end;\n"
  end
  sql = table.concat(sql)
  if #sql > FEW_BYTES then return SCRIPT, sql end
  return SCRIPT .. " <<'neap_end'\n" .. sql .. "neap_end\n"
end

local UNESCAPE = { n = "\n", t = "\t", ["0"] = "\0", ["\\"] = "\\" }

local function cells(line)
  local list = {}
  for cell in (line .. "\t"):gmatch("([^\t]*)\t") do list[#list + 1] = cell:gsub("\\(.)", UNESCAPE) end
  return list
end

local function rows_of(text)
  local columns, rows = nil, {}
  for line in text:gmatch("([^\n]*)\n") do
    local row = cells(line)
    if not columns then
      columns = row
    else
      for i, name in ipairs(columns) do row[name] = row[i] end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local function errors_of(err)
  local by_line, other = {}, nil
  for line in err:gmatch("[^\n]+") do
    local number, at, text = line:match("^ERROR (%d+) %b() at line (%d+): (.*)$")
    if number then
      by_line[tonumber(at)] = { error = text, number = tonumber(number) }
    elseif line:find("^ERROR") then
      other = line
    end
  end
  return by_line, other
end

local function parse(r, list)
  local answers = {}
  if r.out == "absent\n" then
    for i in ipairs(list) do answers[i] = { absent = true } end
    return answers
  end
  local by_line, other = errors_of(r.err)
  if other then
    local down = other:find("^ERROR 200[236]")
    for i in ipairs(list) do answers[i] = down and { down = other } or { error = other } end
    return answers
  end
  local at = 1
  for i in ipairs(list) do
    local mark = ("neap_end\n%d\n"):format(i)
    local from, stop = r.out:find(mark, at, true)
    if not from then error("the answer of the database is cut short: " .. r.err, 0) end
    answers[i] = by_line[2 * i - 1] or { rows = rows_of(r.out:sub(at, from - 1)) }
    at = stop + 1
  end
  return answers
end

return { name = "mysql", script = script, parse = parse }
