--- The script by which a database server becomes the replica of another, by GTID, whatever the flavour.
--
--     wait for the source ─▶ empty here? ─▶ seed from the source ─▶ CHANGE … TO ─▶ START ─▶ wait until both threads run
--
-- MariaDB is seeded by a dump that comes over the network, MySQL by its clone plugin, which restarts the server.
-- Seeding is for a server that holds no database of its own and has never replicated, so that nothing is ever
-- overwritten. Where the account may not read the source's data, MariaDB starts from the beginning of the source's
-- binary logs instead.
local mysql = require "neap.mysql"
local sh = require "neap.sh"

local join = {}

-- Standard input: sections that begin with "-- neap NAME", each to a file that only root can read.
local HEAD = mysql.CLIENT .. [[
umask 077
fail() { printf '%s\n' "$1" >&2; exit 1; }
W=$(mktemp -d "${TMPDIR:-/tmp}/neap.XXXXXX") || exit 1
trap 'rm -rf "$W"' EXIT
trap 'exit 143' HUP INT TERM
awk -v d="$W" '/^-- neap [a-z]+$/ { n = $3; next } { print > (d "/" n) }'
began=$(date +%s)
late() { [ $(($(date +%s) - began)) -ge "$wait_s" ]; }
here() { "$client" --batch --skip-column-names "$@" 2>"$W/error"; }
there() { "$client" --defaults-file="$W/account" --connect-timeout=5 --batch --skip-column-names "$@" 2>"$W/error"; }
own="SELECT SCHEMA_NAME FROM information_schema.SCHEMATA
  WHERE SCHEMA_NAME NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"
version=$(here -e 'SELECT @@version') || fail "$(cat "$W/error")"
case $version in *MariaDB*) flavour=mariadb ;; *) flavour=mysql ;; esac
status() { "$client" -E -e 'SHOW REPLICA STATUS' 2>"$W/error" >"$W/status"; }
is() { sed -n "s/^ *$1: //p" "$W/status"; }
]]

local WAIT_FOR_SOURCE = [[
until there -e 'SELECT 1' >/dev/null; do
  ! late || fail "source '$source' does not let '$user' in: $(cat "$W/error")"
  sleep 0.5
done
]]

local SEED = [[
seed_mariadb() {
  [ -n "$(there -e "$own")" ] || return 0
  dump=$(command -v mariadb-dump || command -v mysqldump) || fail "no mariadb-dump on this host to seed it with"
  set -- # what is the server's own: its manual, of its version, and its statistics
  for table in help_category help_keyword help_relation help_topic innodb_index_stats innodb_table_stats; do
    set -- "$@" "--ignore-table=mysql.$table"
  done
  {
    echo 'SET SESSION sql_log_bin = 0; RESET MASTER;'
    "$dump" --defaults-file="$W/account" --all-databases --single-transaction --gtid --master-data=1 \
      --routines --events --triggers --flush-privileges "$@" 2>"$W/dump" || echo 'SIGNAL SQLSTATE "45000";'
  } | here || fail "cannot seed from '$source': $(cat "$W/dump" "$W/error")
the account needs SELECT, RELOAD, SHOW VIEW, EVENT, TRIGGER and BINLOG MONITOR on *.* there, or say seed = \"never\""
}
seed_mysql() {
  here -e "INSTALL PLUGIN clone SONAME 'mysql_clone.so'" || :
  # a server lets one at a time copy it; where this ends with an error is told by the state, below
  until here <"$W/clone"; do
    cp "$W/error" "$W/clone_error"
    grep -q 'concurrent clone' "$W/clone_error" && ! late || break
    sleep 1
  done
  # the server restarts when it has received everything
  until here -e 'SELECT 1' >/dev/null; do ! late || fail "the server did not come back from cloning"; sleep 0.5; done
  state=$(here -e 'SELECT STATE FROM performance_schema.clone_status')
  while [ "$state" = 'In Progress' ] && ! late; do
    sleep 0.5
    state=$(here -e 'SELECT STATE FROM performance_schema.clone_status')
  done
  [ "$state" = Completed ] || fail "cannot clone '$source': $(cat "$W/clone_error")
the account needs BACKUP_ADMIN on *.* there, and the source the plugin clone"
}
status || fail "$(cat "$W/error")"
if [ "$seed" = auto ] && ! [ -s "$W/status" ] && [ -z "$(here -e "$own")" ]; then
  if [ $flavour = mysql ]; then
    seed_mysql
  elif [ -z "$(here -e 'SELECT @@global.gtid_slave_pos')" ]; then
    seed_mariadb
  fi
fi
]]

local START = [[
here -e 'STOP REPLICA' || fail "$(cat "$W/error")"
here <"$W/$flavour" || fail "$(cat "$W/error")"
here -e 'START REPLICA' || fail "$(cat "$W/error")"
while status; do
  if [ "$(is 'Slave_IO_Running')$(is 'Replica_IO_Running')" = Yes ] &&
     [ "$(is 'Slave_SQL_Running')$(is 'Replica_SQL_Running')" = Yes ]; then break; fi
  problem="$(is Last_SQL_Error)"
  [ -z "$problem" ] || fail "the replica stopped: $problem"
  ! late || fail "the replica does not run: $(is Last_IO_Error)"
  sleep 0.2
done
]]

local READ_ONLY = [[
if [ $flavour = mysql ]; then here -e 'SET GLOBAL super_read_only = ON'; else here -e 'SET GLOBAL read_only = ON'; fi ||
  fail "$(cat "$W/error")"
]]
join.READ_ONLY = READ_ONLY

local function change_sql(to)
  local host, user, password = mysql.quote(to.source), mysql.quote(to.user), mysql.quote(to.password or "")
  local common = "%s_HOST = %s, %s_PORT = %d, %s_USER = %s, %s_PASSWORD = "
  local function with(word) return common:format(word, host, word, to.port, word, user, word) end
  return {
    mariadb = "CHANGE MASTER TO " .. with "MASTER" .. password .. ", MASTER_CONNECT_RETRY = 1, "
      .. "MASTER_HEARTBEAT_PERIOD = 2, MASTER_USE_GTID = slave_pos;\n",
    mysql = "CHANGE REPLICATION SOURCE TO " .. with "SOURCE" .. password .. ", SOURCE_CONNECT_RETRY = 1, "
      .. "SOURCE_RETRY_COUNT = 0, SOURCE_HEARTBEAT_PERIOD = 2, SOURCE_SSL = 1, SOURCE_AUTO_POSITION = 1;\n",
  }
end

local function clone_sql(to)
  return "SET GLOBAL super_read_only = OFF;\nSET GLOBAL read_only = OFF;\nSET GLOBAL clone_valid_donor_list = "
    .. mysql.quote(("%s:%d"):format(to.source, to.port)) .. ";\nCLONE INSTANCE FROM " .. mysql.quote(to.user) .. "@"
    .. mysql.quote(to.source) .. ":" .. to.port .. " IDENTIFIED BY " .. mysql.quote(to.password or "")
    .. " REQUIRE SSL;\n"
end

local function account(to)
  return ("[client]\nhost=%s\nport=%d\nprotocol=tcp\nuser=%s\npassword="):format(to.source, to.port,
    mysql.option(to.user)) .. mysql.option(to.password or "") .. "\n"
end

--- The step, for the wanted attributes of a mysql_replica.
function join.step(to)
  local change = change_sql(to)
  local head = sh("source=%s user=%s seed=%s wait_s=%d\n", to.source .. ":" .. to.port, to.user, to.seed or "auto",
    to.timeout_s or 120)
  return {
    run = head .. HEAD .. WAIT_FOR_SOURCE .. SEED .. START .. (to.read_only and READ_ONLY or ""),
    stdin = "-- neap account\n" .. account(to) .. "-- neap mariadb\n" .. change.mariadb .. "-- neap mysql\n"
      .. change.mysql .. "-- neap clone\n" .. clone_sql(to),
    title = "replicate from " .. to.source, timeout_ms = ((to.timeout_s or 120) * 2 + 3600) * 1000,
  }
end

--- A step that changes only whether the threads run or the server takes writes.
function join.small_step(title, script) return { run = HEAD .. script, stdin = "-- neap none\n\n", title = title } end

return join
