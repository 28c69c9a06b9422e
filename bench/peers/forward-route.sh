#!/bin/sh
# A guest's TAP with a route of its own, as attach-script.sh has it, and with the MAC address that the guest sends to.
set -e
ip link set "$1" address "$GATEWAY_MAC"
exec "$(dirname "$0")/attach-script.sh" "$1"
