#!/bin/sh
# Chassis of a stock ipmi_sim, called as: chassis.sh DIR get power | set power 0|1 | set reset 1 | set shutdown 1
# Appends what was asked to DIR/events.log and keeps the power in DIR/power.
dir=$1
verb=$2
shift 2
echo "$(date +%s.%N) $verb $*" >>"$dir/events.log"
case "$verb" in
get)
  for property in "$@"; do
    case $property in
    power) echo "power:$(cat "$dir/power" 2>/dev/null || echo 0)" ;;
    boot) echo boot:default ;;
    esac
  done
  ;;
set)
  while [ $# -ge 2 ]; do
    case $1 in
    power) echo "$2" >"$dir/power" ;;
    esac
    shift 2
  done
  ;;
check) exit 1 ;;
esac
