# shellcheck shell=bash
# The lab's own network:
#
#    namespace neaplab.NAME (the controller)        neaplab.NAME.node1
#    +---------------------------------------+      +----------------------+
#    | br0 10.77.0.1/24 -- port node1 =======|======| host0 10.77.0.11/24  |
#    |                  -- port node2 ...    |      +----------------------+
#    +---------------------------------------+
#
# Nothing of it is in the machine's own network namespace, so labs side by side
# may use the same addresses. There is no route out.

NET=10.77.0

host_address() { echo "$NET.$((10 + ${1#node}))"; }

netns_del() { [ ! -e "/run/netns/$1" ] || ip netns del "$1"; }

# net_up: makes the controller's namespace and its bridge
net_up() {
	ip netns add "$NETNS"
	ip -n "$NETNS" -batch - <<-END
		link set lo up
		link add br0 address 02:77:00:00:00:01 type bridge
		address add $NET.1/24 dev br0
		link set br0 up
	END
}

# net_plug HOST: a new namespace for HOST and its cable to the bridge. The
# hardware address stays the same for a host, as it would on a machine.
net_plug() {
	local host=$1 ns="$NETNS.$1"
	ip netns add "$ns"
	ip -n "$NETNS" -batch - <<-END
		link add $host type veth peer name host0 netns $ns
		link set $host master br0 up
	END
	ip -n "$ns" -batch - <<-END
		link set lo up
		link set host0 address $(printf '02:77:00:00:01:%02x' "${host#node}")
		address add $(host_address "$host")/24 dev host0
		link set host0 up
	END
}

# net_unplug HOST: takes the cable away; the host falls silent at once
net_unplug() { ip -n "$NETNS" link del "$1" 2>/dev/null || :; }

# net_cut HOST: the cable is pulled, and the host sees it
net_cut() { ip -n "$NETNS" link set "$1" down; }

# net_mute HOST: a switch in between drops all frames; the host's link stays up
net_mute() { nsenter "--net=/run/netns/$NETNS" bridge link set dev "$1" state 0; }

# net_heal HOST: ends either, and waits until the host answers, if it does:
# that it was not to be found is remembered for a while
net_heal() {
	ip -n "$NETNS" link set "$1" up
	nsenter "--net=/run/netns/$NETNS" bridge link set dev "$1" state 3
	for _ in 1 2 3 4 5 6 7 8; do
		ip -n "$NETNS" neigh flush dev br0
		nsenter "--net=/run/netns/$NETNS" ping -q -c 1 -W 0.3 "$(host_address "$1")" >/dev/null && return
	done
	return 0
}

# net_state HOST: "up", "cut" or "mute"
net_state() {
	case $(nsenter "--net=/run/netns/$NETNS" bridge link show dev "$1" 2>/dev/null) in
	*,UP*"state forwarding"*) echo up ;;
	*,UP*"state disabled"*) echo mute ;;
	*) echo cut ;;
	esac
}
