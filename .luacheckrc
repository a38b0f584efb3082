-- luacheck's settings, for lua/, tests/ and playbooks/.
std = "lua54"
max_line_length = 120
exclude_files = { "build*" }
ignore = { "212/self" }

-- Cases stand on a line each, however long.
files["tests/lua"] = { max_line_length = 200 }

-- Playbooks are written in the engine's words; a misspelt one is for `neap lint` to find.
files["tests/fuzz/every_type.lua"] = { ignore = { "113" } }
files["playbooks"] = { ignore = { "113", "212/host", "212/site" } }
