#!/usr/bin/env python3
"""Puts folds that were trained as separate runs together into one cross-validation.

Usage: scripts/merge.py RUN RUN [RUN ...]

Each RUN is a folder that scripts/train.py printed for fold=0, fold=1 and so on. Writes a new run folder beside the
first, with the scores of all folds, their mean and deviation, and a report; prints that folder as its last line.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.errors import UserError
from mtl_tf.progress import say
from mtl_tf.runs.gather import gather_folds
from mtl_tf.values import read_arguments


def main(arguments: list[str]) -> None:
    """Merges runs."""
    _, words = read_arguments(arguments, [], files=True)
    if not words:
        raise UserError("give the folders of the runs to merge, one per fold")
    folder = gather_folds([Path(word) for word in words])

    say("loading TensorFlow for the report, some ten seconds")
    from mtl_tf.reporting.report import write_report
    from mtl_tf.reporting.tables import print_scores

    write_report(folder)
    print_scores(folder)
    print(folder)


if __name__ == "__main__":
    run_command(main, __doc__)
