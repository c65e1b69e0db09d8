#!/bin/sh
# call: SIPp calls TARGET, LOAD_RATE calls a second, LOAD_CALLS at once, LOAD_TOTAL in all, LOAD_HOLD seconds each.   answer: the application.
set -eu
case "${1:-call}" in
  answer) exec python3 -u /opt/load/answer.py ;;
  call) ;;
  *) echo "call or answer, not $1" >&2; exit 2 ;;
esac
own=$(hostname -i | cut -d' ' -f1)
host=${TARGET%:*}
port=${TARGET##*:}
until address=$(getent ahostsv4 "$host" | awk 'NR == 1 { print $1 }') && [ -n "$address" ]; do sleep 1; done
sed "s/timeout=\"20000\"/timeout=\"${LOAD_HOLD:-20}000\"/" /opt/load/caller.xml > /home/load/caller.xml
# What a caller hears it says: the node hears sound, as from a phone, and does not release the call for its silence.
# No terminal: a screen every ten seconds goes to the log, and unexpected messages to a file in this container.
exec sipp "$address:$port" -sf /home/load/caller.xml -s load -i "$own" -p 5060 -r "${LOAD_RATE:-2}" -l "${LOAD_CALLS:-50}" ${LOAD_TOTAL:+-m "$LOAD_TOTAL"} \
  -rtp_echo -nostdin -aa -trace_err -error_file /home/load/errors.log -f 10 -default_behaviors all,-bye -timer_resol 10
