#!/usr/bin/env bash
# Runs the tests: `bash scripts/test.sh` all but the slow ones, `bash scripts/test.sh --slow` the slow ones too. Further
# arguments go to pytest.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh" "[dev]"

marker="not slow"
if [ "${1:-}" = "--slow" ]; then
    marker=""
    shift
fi
exec .venv/bin/python -m pytest -m "$marker" "$@"
