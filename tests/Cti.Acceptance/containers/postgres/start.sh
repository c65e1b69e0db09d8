#!/bin/sh
set -eu
# POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB as the official image reads them; the command is "postgres" and its options.
bin=$(echo /usr/lib/postgresql/*/bin)
data=/var/lib/postgresql/data
PATH=$bin:$PATH
if [ ! -s $data/PG_VERSION ]; then
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  initdb -D $data -U "$POSTGRES_USER" --pwfile=/tmp/password -A scram-sha-256 -E UTF8 --locale=C > /dev/null
  rm /tmp/password
  echo "host all all all scram-sha-256" >> $data/pg_hba.conf
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D $data postgres > /dev/null
fi
shift
exec postgres -D $data -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
