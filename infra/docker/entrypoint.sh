#!/bin/sh
# Starts one process of ELK Vision and becomes it, so that signals reach it.
# Usage: entrypoint.sh [web|ingest|shipper|worker|beat [options…]] | [command…]   (default: web)
# Switches, each 1 or 0:
#   WAIT_FOR_DATABASE  wait for the config database, DATABASE_WAIT_SECONDS (60) at most; default 1 for web, worker
#   RUN_MIGRATIONS     migrate it, one at a time however many start at once; default 1 for web
#   COLLECT_STATIC     copy static files to STATIC_ROOT; default 1 for web when STATIC_ROOT is set
# Read by what is started: HOST, PORT, WEB_CONCURRENCY, … (docs/operations.md). PYTHON, BACKEND_DIR: where things are.
set -eu

say() { echo "entrypoint: $*" >&2; }
is_on() {   # name, value
  case "$(printf %s "$2" | tr '[:upper:]' '[:lower:]')" in
    1|true|yes|on) return 0 ;;
    0|false|no|off) return 1 ;;
    *) say "$1: '$2' is neither 1 nor 0"; exit 64 ;;
  esac
}

python="${PYTHON:-python}"
cd "${BACKEND_DIR:-$(dirname "$0")/../../backend}"
role="${1:-web}"
[ $# -eq 0 ] || shift

waits=0 migrates=0 collects=0
case "$role" in
  web) waits=1 migrates=1; [ -z "${STATIC_ROOT:-}${STATIC_ROOT_FILE:-}" ] || collects=1 ;;
  worker) waits=1 ;;
esac
# Every switch is read before anything is done.
is_on WAIT_FOR_DATABASE "${WAIT_FOR_DATABASE:-$waits}" && waits=1 || waits=0
is_on RUN_MIGRATIONS "${RUN_MIGRATIONS:-$migrates}" && migrates=1 || migrates=0
is_on COLLECT_STATIC "${COLLECT_STATIC:-$collects}" && collects=1 || collects=0

[ "$waits" = 0 ] || "$python" manage.py wait_for_database --seconds "${DATABASE_WAIT_SECONDS:-60}"
[ "$migrates" = 0 ] || "$python" manage.py migrate --no-input
[ "$collects" = 0 ] || "$python" manage.py collectstatic --no-input --verbosity 0

case "$role" in
  web) exec "$python" -m gunicorn -c python:config.gunicorn_config "$@" ;;
  ingest|shipper|worker|beat) exec "$python" manage.py "$role" "$@" ;;
  *) exec "$role" "$@" ;;
esac
