#!/bin/sh
# Starts Kamailio with the nodes that NODES names, and keeps its list of them right: a container that comes back has another address,
# and one that is added comes in without a restart. What is dead stays in the list: whether a node lives is for OPTIONS to say, not for DNS.
set -eu
list=/run/kamailio/dispatcher.list
known=/run/kamailio/known
own=${FRONT_ADDRESS:-$(hostname -i | cut -d' ' -f1)}
mkdir -p "$known"

address_of() { getent ahostsv4 "$1" | awk 'NR == 1 { print $1 }'; }
# kamcmd ends with 0 whatever Kamailio answered, and a list that was changed a moment ago takes no change for a second.
kam() {
  answer=$(kamcmd -s unix:/run/kamailio/ctl "$@" 2>&1) || return 1
  case $answer in *error*) return 1 ;; esac
}

# State 9 is "inactive, and probed": it gets its first call when it has answered its first OPTIONS.
follow() {
  while :; do
    for node in $NODES; do
      new=$(address_of "$node") || true
      old=$(cat "$known/$node" 2> /dev/null) || true
      if [ -z "$new" ] || [ "$new" = "$old" ]; then continue; fi
      # One change a round and node: what fails, or is left to do, is done in the next.
      if [ -n "$old" ]; then
        if kam dispatcher.remove 1 "sip:$old:5060"; then rm -f "$known/$node"; fi
      elif kam dispatcher.add 1 "sip:$new:5060" 9; then
        echo "$new" > "$known/$node"
        echo "$node is at $new"
      fi
    done
    sleep 2
  done
}

# An empty list would keep Kamailio from starting: an address that is never routed to holds the place, disabled (4).
echo "1 sip:192.0.2.1:5060 4" > "$list"
rm -f "$known"/*
follow &
exec kamailio -DD -E -m 128 -M 16 -f /etc/kamailio/kamailio.cfg \
  -l "udp:$own:5060" -l "tcp:$own:5060" -l "tcp:$own:9101"
