#!/bin/sh
# The TAP up0 as an uplink, with one neighbour there; every other TAP is a guest's, for HOOK.
set -e
[ "$1" = up0 ] || exec "$HOOK" "$1"
ip link set up0 address "$GATEWAY_MAC" up
ip address add "$UPLINK/24" dev up0
ip neigh replace "$NEIGHBOUR" lladdr "$NEIGHBOUR_MAC" dev up0 nud permanent
