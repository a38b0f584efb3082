#!/bin/bash
# What `overlap` and `overlap-paths` share: two resources, one after the other, every way there and back. They say with
# $LOOK what is looked at on the host.

WORK=$(mktemp -d)
finish() {
	[ -n "${KEEP_LAB:-}" ] || lab down >/dev/null 2>&1
	rm -rf "$WORK"
}
trap finish EXIT

# neap VERB...: on the lab; its output in $out, its exit code in $rc
neap() {
	local verb=$1
	shift
	rc=0
	out=$(in_lab timeout 120 "$NEAP" "$verb" --no-color -q -i "$NEAP_LAB_INVENTORY" --state "$WORK/state.git" \
		"$@" 2>&1) || rc=$?
}
apply() { neap apply -y "$WORK/$1.lua" "${@:2}"; }
back() { neap rollback -y "$@"; }
tag() { git --git-dir="$WORK/state.git" tag "$1"; }
recorded() { git --git-dir="$WORK/state.git" ls-tree -r --name-only "main:hosts/node1" | grep resources; }

look() { on node1 sh -c "$LOOK" 2>&1; }
is() { check "$1" diff "$WORK/$2" <(look); }

# over NAME A B WORDS...: what says WORDS when B is applied after A
over() {
	local name=$1
	rm -rf "$WORK/state.git"
	echo "$2" >"$WORK/a.lua"
	echo "$3" >"$WORK/b.lua"
	look >"$WORK/before"
	apply a && look >"$WORK/at_a" && tag a
	apply b
	says "$name: after the first" 0 "${@:4}"
	look >"$WORK/at_b"
	tag b
	back a
	says "$name: back to the first" 0
	is "$name: it is as it was" at_a
	back b
	says "$name: and to the second" 0
	is "$name: it is as it was then" at_b
	back genesis
	says "$name: to before Neap" 0
	is "$name: that is what it was" before
	equal "$name: nothing is recorded" "$(recorded)" ""
	apply a && apply b --prune
	says "$name: pruned, it is as it is to be" 0
	neap plan "$WORK/b.lua" --prune
	says "$name: and nothing is left to do" 0
	back genesis
	says "$name: back from there" 0
	is "$name: that is what it was before Neap" before
	apply a && apply b && apply a --prune
	says "$name: the first again" 0
	is "$name: it is what it was at first" at_a
	apply b && back genesis
	says "$name: back from there, too" 0
	is "$name: and that is what it was before Neap" before
}
both() { # NAME ONE OTHER
	over "$1" "$2" "$3" "ended as predicted" "abandoned"
	over "$1, the other way round" "$3" "$2" "ended as predicted" "abandoned"
}
label() { # NAME ONE OTHER
	over "$1" "$2" "$3" "nothing differs" "!abandoned"
	over "$1, the other way round" "$3" "$2" "nothing differs" "!abandoned"
}
