#!/usr/bin/env bash
# Runs the tests, in two processes: `bash scripts/test.sh` all but the slow ones, `bash scripts/test.sh --slow` the slow ones
# too. Further arguments go to pytest; `-n 0` runs all in one process, as a debugger needs it.
set -euo pipefail
case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^set/{/^set/d;s/^# //;p}' "$0"
    exit 0
    ;;
esac
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh" "[dev]"

marker="not slow"
if [ "${1:-}" = "--slow" ]; then
    marker=""
    shift
fi
exec .venv/bin/python -m pytest -n 2 --dist loadfile -m "$marker" "$@"
