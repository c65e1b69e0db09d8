#!/bin/sh
# Makes .env from .env.example with fresh secrets, readable by you only. An .env that is there stays as it is.
set -eu
cd "$(dirname "$0")"
file=${1:-.env}
if [ -e "$file" ]; then
  echo "$file is there already; delete it to have new secrets made (the database keeps its old password until its volume is gone)." >&2
  exit 1
fi
random() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }
key=cti_$(random 32)
hash=sha256:$(printf %s "$key" | sha256sum | cut -d' ' -f1)
umask 077
sed -e "s/^POSTGRES_PASSWORD=.*/POSTGRES_PASSWORD=$(random 24)/" \
    -e "s/^CLUSTER_SECRET=.*/CLUSTER_SECRET=$(random 32)/" \
    -e "s/^APPLICATION_KEY=.*/APPLICATION_KEY=$key/" \
    -e "s/^APPLICATION_KEY_HASH=.*/APPLICATION_KEY_HASH=$hash/" \
    -e "s/^GRAFANA_PASSWORD=.*/GRAFANA_PASSWORD=$(random 12)/" \
    .env.example > "$file"
echo "$file was made. The application's key and Grafana's password stand in it."
