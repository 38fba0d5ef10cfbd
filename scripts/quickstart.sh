#!/usr/bin/env bash
# Installs into .venv, makes the embedded corpus, trains three tasks with one network, reports and exports.
# Then trains each task alone and all together, for short, and says whether learning together helps.
# Usage: bash scripts/quickstart.sh [key=value ...]; keys go to scripts/train.py experiment=spoken_digits.
set -euo pipefail
case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^set/{/^set/d;s/^# //;p}' "$0"
    exit 0
    ;;
esac
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh" ""

log=$(mktemp)
trap 'rm -f "$log"' EXIT
.venv/bin/python scripts/train.py experiment=spoken_digits "$@" | tee "$log"
run=$(tail -n 1 "$log")
model=$(.venv/bin/python scripts/export.py "run=$run" name=spoken_digits | tail -n 1)
echo
echo "Does learning together help? Each task alone and all together, from two seeds. Four epochs and two seeds are a first look, no study. After so few epochs, scores are far below those above:"
.venv/bin/python scripts/compare.py experiment=spoken_digits seeds=2 "sets=[alone,all]" "controls=[]" \
    training.epochs=4 "$@" | tee "$log"
study=$(tail -n 1 "$log")
echo
echo "Report:     $run/report.html"
echo "Study:      $study/report.html"
echo "SavedModel: $model"
clip=$(find prepared/spoken_digits/audio -name '*.wav' -print -quit 2>/dev/null || true)
if [ -n "$clip" ]; then
    echo "Next:       .venv/bin/python scripts/predict.py run=$run $clip"
fi
