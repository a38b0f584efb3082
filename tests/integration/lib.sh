# shellcheck shell=bash
# What the tests on the lab share: results as `ok`/`not ok` lines, measured
# figures as `#` lines, and a few ways to look at hosts. Sourced.
# A test says `done_testing` at its end; that is also its exit status.

tests_run=0 tests_failed=0

ok() { # the result of the last command, NAME
	local failed_here=$1
	shift
	tests_run=$((tests_run + 1))
	if [ "$failed_here" = 0 ]; then
		echo "ok $tests_run - $*"
	else
		tests_failed=$((tests_failed + 1))
		echo "not ok $tests_run - $*"
	fi
	return "$failed_here"
}

note() { printf '# %s\n' "$*"; }

# check NAME COMMAND...: ok when the command succeeds; its output when not
check() {
	local title=$1 out failed_here=0
	shift
	out=$("$@" 2>&1) || failed_here=1
	ok "$failed_here" "$title" || { [ -z "$out" ] || printf '%s\n' "$out" | head -40 | sed 's/^/#   /'; }
	return 0
}

# equal NAME FOUND WANTED
equal() {
	local failed_here=0
	[ "$2" = "$3" ] || failed_here=1
	ok "$failed_here" "$1" || { note "  found:  $2"; note "  wanted: $3"; }
	return 0
}

# says NAME CODE TEXT...: the last neap, whose output is in $out and its exit code in $rc, exited with CODE and said every
# TEXT; one that begins with ! was not said
# shellcheck disable=SC2154
says() {
	local title=$1 code=$2 text wrong=
	shift 2
	for text; do
		case $text in
		!*) [[ $out != *"${text#!}"* ]] || wrong="$wrong '$text'" ;;
		*) [[ $out == *"$text"* ]] || wrong="$wrong '$text'" ;;
		esac
	done
	[ "$rc" = "$code" ] && [ -z "$wrong" ] && { ok 0 "$title"; return 0; }
	ok 1 "$title"
	note "  exit $rc, wanted $code; wrong:$wrong"
	printf '%s\n' "$out" | head -60 | sed 's/^/#   /'
}

# within SECONDS COMMAND...: tries it again until it succeeds, or time is up
within() {
	local until=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	while ! "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$until" ] || return 1
		sleep 0.1
	done
}

done_testing() {
	echo "1..$tests_run"
	[ "$tests_failed" = 0 ] || { note "$tests_failed of $tests_run failed"; exit 1; }
	exit 0
}
