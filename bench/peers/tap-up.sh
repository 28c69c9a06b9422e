#!/bin/sh
# A guest's TAP for servers that bring none up themselves: up, with the gateway's address that all TAPs share.
# GATEWAY: that address with its prefix length. GATEWAY_MAC: the TAP's own, where it matters.
# NEIGHBOUR: "ADDRESS MAC" of the guest where it answers no ARP.
set -e
[ -z "$GATEWAY_MAC" ] || ip link set "$1" address "$GATEWAY_MAC"
ip link set "$1" up
ip address add "$GATEWAY" dev "$1"
[ -z "$NEIGHBOUR" ] || ip neigh replace "${NEIGHBOUR% *}" lladdr "${NEIGHBOUR#* }" dev "$1" nud permanent
