#!/bin/sh
# Starts Kamailio with the nodes that NODES names, and keeps its list of them right: a container that comes back has another address,
# and one that is added comes in without a restart. What is dead stays in the list: whether a node lives is for OPTIONS to say, not for DNS.
set -eu
list=/run/kamailio/dispatcher.list
known=/run/kamailio/known
own=${FRONT_ADDRESS:-$(hostname -i | cut -d' ' -f1)}
mkdir -p "$known"

address_of() { getent ahostsv4 "$1" | awk 'NR == 1 { print $1 }'; }
kam() { kamcmd -s unix:/run/kamailio/ctl "$@" > /dev/null; }

# State 9 is "inactive, and probed": it gets its first call when it has answered its first OPTIONS.
follow() {
  while :; do
    for node in $NODES; do
      new=$(address_of "$node") || true
      old=$(cat "$known/$node" 2> /dev/null) || true
      if [ -n "$new" ] && [ "$new" != "$old" ] && kam dispatcher.add 1 "sip:$new:5060" 9; then
        if [ -n "$old" ]; then kam dispatcher.remove 1 "sip:$old:5060" || true; fi
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
