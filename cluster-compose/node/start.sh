#!/bin/sh
# Starts cti with what the configuration file takes from the environment: who this node is, and where it is reached.
set -eu
# One address on one network; a container on several names its own.
if [ -z "${NODE_ADDRESS:-}" ]; then NODE_ADDRESS=$(hostname -i | cut -d' ' -f1); fi
: "${NODE_NAME:=$(hostname)}"
export NODE_ADDRESS NODE_NAME
exec /opt/cti/cti "$@"
