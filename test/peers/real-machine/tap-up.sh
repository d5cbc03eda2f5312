#!/bin/sh
# QEMU runs this once it has made its tap interface, which ends with QEMU: tap-up.sh INTERFACE
set -eu

PATH=$PATH:/usr/sbin:/sbin
ip addr add "$HOST_ADDRESS/24" dev "$1"
ip link set "$1" up
