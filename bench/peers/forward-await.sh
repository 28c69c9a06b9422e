#!/bin/sh
# Waits until somebody serves a TAP: the forwarder sets it up when it listens. forward-await.sh TAP
set -eu
tries=0
until ip -o link show dev "$1" up | grep -q .; do
  tries=$((tries + 1))
  [ "$tries" -lt 500 ] || exit 1
  sleep 0.01
done
