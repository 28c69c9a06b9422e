#!/bin/sh
# What guides on the web put into /etc/qemu-ifup for a guest with a route of its own: one `ip` or `sysctl` for each setting.
# The guest's number is the tail of its TAP's name: tn-b17 is guest 17. No guard against spoofing, no DHCP, no name.
set -e
tap=$1
number=${tap#tn-b}
address=10.77.$((number / 250)).$((number % 250 + 2))
mac=52:54:00:77:$(printf '%02x:%02x' $((number / 256)) $((number % 256)))

ip link set "$tap" up
sysctl -q -w "net.ipv4.conf.$tap.proxy_arp=1"
sysctl -q -w "net.ipv4.conf.$tap.forwarding=1"
sysctl -q -w "net.ipv4.conf.$tap.rp_filter=1"
sysctl -q -w "net.ipv4.conf.$tap.accept_redirects=0"
sysctl -q -w "net.ipv4.conf.$tap.send_redirects=0"
sysctl -q -w "net.ipv4.neigh.$tap.proxy_delay=0"
sysctl -q -w "net.ipv6.conf.$tap.accept_ra=0"
ip route add "$address/32" dev "$tap"
ip neighbour replace "$address" lladdr "$mac" dev "$tap" nud permanent
