# shellcheck shell=bash
# The lab as the integration tests see it. Sourced after lib.sh.
# NEAP_LAB_NAME names the lab; `lab_up` brings a fresh one up.

export NEAP_LAB_NAME=${NEAP_LAB_NAME:-neap}
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
NEAP=${NEAP:-$ROOT/${NEAP_BUILD_DIR:-build}/neap}
WORK=${WORK:-}

lab() { "$ROOT/tests/lab/lab" "$@"; }
in_lab() { lab run "$@"; }

# lab_read: where things are in the lab that is up
lab_read() {
	local host
	eval "$(lab env)"
	VIP=$(sed -n 's/^ *vip = "\(.*\)",$/\1/p' "$NEAP_LAB_INVENTORY")
	names=() pairs=()
	declare -gA address_of=()
	for host in $NEAP_LAB_HOSTS; do
		address_of[$host]=$(sed -n "s/^ *$host = { address = \"\([^\"]*\)\".*/\1/p" "$NEAP_LAB_INVENTORY")
		names+=("$host")
		pairs+=("$host=${address_of[$host]}")
	done
}

# lab_up [N] [OPTION...]: fresh hosts, and a folder for this test's own things
lab_up() {
	lab up "$@" >&2 || { echo "Bail out! no lab"; exit 1; }
	lab_read
}

# on HOST COMMAND: as root there, without ssh; says nothing of a host that is off
on() {
	local host=$1
	shift
	lab exec "$host" "$@" 2>/dev/null
}

on_sql() { on "$1" mysql --batch --skip-column-names -e "$2"; }

stack_check() { in_lab "$HERE/stack-check" "$NEAP_LAB_SSH_CONFIG" "$VIP" "${pairs[@]}"; }

holders() {
	local host
	for host in "${names[@]}"; do
		on "$host" ip -o addr show | grep -q " $VIP/" && echo "$host"
	done
	return 0
}

# one_holder: exactly one host has the virtual address
one_holder() { [ "$(holders | wc -l)" = 1 ]; }

# secrets_file PATH: passwords made for this run
secrets_file() {
	local name
	(umask 077 && for name in app_db_password replication_password stats_password; do
		echo "$name=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')"
	done >"$1")
}
