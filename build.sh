#!/usr/bin/env bash
# One command for everything: ./build.sh run|test|build|bench|fuzz|simulate|killtest|containertest [OPTIONS] [-- ARGUMENTS of cti run]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
  cat <<'USAGE'
./build.sh run [-- ARGUMENTS]           build and start a node, e.g. -- --config node.conf --set cti.area=1
./build.sh test [--project NAME]        install what tests need (as root on Debian or Ubuntu), build, run every test
./build.sh build                        build and publish to artifacts/cti/
./build.sh bench [NAME]                 the benchmarks
./build.sh fuzz [--target NAME] [--seconds N] [--seed N]
./build.sh simulate [--cluster] [--seed N] [--count N] [--races all]
./build.sh killtest [--only NAME] [--calls N] [--from PROGRAM --next PROGRAM]   as root: the whole cluster with real processes, killed, stopped, cut off, drained
./build.sh containertest                cluster-compose/ in containers: builds the images, calls through it, kills a node
USAGE
}

target="${1:-}"
case "$target" in
  run|test|build|bench|fuzz|simulate|killtest|containertest) shift ;;
  -h|--help|help) usage; exit 0 ;;
  *) usage >&2; exit 2 ;;
esac

if ! command -v dotnet >/dev/null 2>&1; then
  for place in /usr/share/dotnet /usr/lib/dotnet "$HOME/.dotnet"; do
    if [ -x "$place/dotnet" ]; then PATH="$place:$PATH"; break; fi
  done
fi
if ! command -v dotnet >/dev/null 2>&1; then
  echo "The .NET SDK 10.0 is missing. Install it: https://dotnet.microsoft.com/download/dotnet/10.0 (package dotnet-sdk-10.0)." >&2
  exit 1
fi
if ! dotnet --list-sdks | grep -q '^10\.'; then
  echo "The .NET SDK 10.0 is missing; there is: $(dotnet --list-sdks | tr '\n' ' '). Install it: https://dotnet.microsoft.com/download/dotnet/10.0 (package dotnet-sdk-10.0)." >&2
  exit 1
fi

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
# No build server may outlive the command: it would keep the caller's pipe open.
export MSBUILDDISABLENODEREUSE=1
# Where the published program looks for its runtime, wherever dotnet was installed.
export DOTNET_ROOT="${DOTNET_ROOT:-$(dirname "$(readlink -f "$(command -v dotnet)")")}"

# What follows goes to the script as --name=value.
options=()
case "$target" in
  run)
    [ "${1:-}" = "--" ] && shift
    # The arguments reach the program as they are, so they travel apart from the script's own.
    dotnet tool restore >/dev/null </dev/null
    dotnet cake build.cake --target=publish --verbosity=quiet </dev/null
    exec artifacts/cti/cti run "$@"
    ;;
  bench)
    if [ $# -gt 0 ]; then options+=("--name=$1"); shift; fi
    ;;
esac
while [ $# -gt 0 ]; do
  case "$1" in
    --target|--target=*) # cake has a --target of its own
      if [ "$1" = --target ]; then set -- "--of=${2:?--target needs a value}" "${@:3}"; else set -- "--of=${1#--target=}" "${@:2}"; fi ;;
    --cluster) options+=("--cluster=yes"); shift ;;
    --*=*) options+=("$1"); shift ;;
    --*) [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }; options+=("$1=$2"); shift 2 ;;
    *) echo "unknown argument $1" >&2; usage >&2; exit 2 ;;
  esac
done

dotnet tool restore >/dev/null </dev/null
status=0
rm -f artifacts/test-results/totals
dotnet cake build.cake --target="$target" --verbosity=quiet ${options[@]+"${options[@]}"} </dev/null || status=$?
if [ "$target" = test ]; then
  # The last line is the totals, whatever else was said.
  if [ -f artifacts/test-results/totals ]; then echo "$(cat artifacts/test-results/totals)"; else echo "0 passed, 1 failed"; [ "$status" -ne 0 ] || status=1; fi
fi
exit "$status"
