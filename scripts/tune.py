#!/usr/bin/env python3
"""Searches for the keys of a run that score best on validation clips.

Usage: scripts/tune.py experiment=NAME search=NAME [tuner=hyperband|bayesian|random|grid] [trials=N] [minutes=M]
           [workers=N] [search.KEY=WHAT ...] [key=value ...]
       scripts/tune.py finish=DIR [repeats=N]
       scripts/tune.py worker=DIR

Writes tuning/NAME/<time>/ with trials.csv, best.yaml and report.html, and prints that folder as its last line. The same
command carries on a search that was interrupted. The test split is opened once, by finish=DIR, which also writes
best_experiment.yaml. Needs keras-tuner: pip install -c constraints.txt -e ".[tune]".
"""

from mtl_tf.command_line import run_command
from mtl_tf.progress import say
from mtl_tf.tuning.help import find_tuner, help_text


def main(arguments: list[str]) -> None:
    """Carries out a search, finishes one, or works for a chief."""
    find_tuner()
    say("loading TensorFlow, some ten seconds")

    from mtl_tf.tuning.carry_out import answer

    folder = answer(arguments)
    if folder is not None:
        print(folder)


if __name__ == "__main__":
    run_command(main, __doc__, help_text, "interrupted; the same command carries on")
