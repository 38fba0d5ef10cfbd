#!/usr/bin/env bash
# Runs the tests, in two processes: `bash scripts/test.sh` all but the slow ones, `bash scripts/test.sh --slow` the slow ones
# too, in four parts with a summary each. Further arguments go to pytest, which then runs once: `-n 0` in one process, as a
# debugger needs it, or `tests/data` one folder.
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
run=(.venv/bin/python -m pytest -n 2 --dist loadfile -m "$marker")
if [ $# -gt 0 ]; then
    exec "${run[@]}" "$@"
fi
# TensorFlow keeps memory of every network that a process has built, so each part has processes of its own.
parts=("tests/tuning tests/study" "tests/training tests/models tests/augment" "tests/serving tests/runs tests/init")
failed=0
for part in "${parts[@]}"; do
    # shellcheck disable=SC2086
    "${run[@]}" $part || failed=1
done
# shellcheck disable=SC2086
"${run[@]}" tests $(printf -- '--ignore=%s ' ${parts[@]}) || failed=1
exit "$failed"
