#!/bin/sh
# A guest's TAP as a port of the bridge that the server serves, as the guides' qemu-ifup has it.
set -e
ip link set "$1" master "$BRIDGE" up
