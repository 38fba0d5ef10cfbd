#!/usr/bin/env python3
"""Trains tasks alone and together, and says when learning them together helps.

Usage: scripts/compare.py experiment=NAME [tasks=[TASK,TASK,...]] [seeds=N] [folds=[0,1,...]] [key=value ...]
       scripts/compare.py experiment=NAME KEY=VALUE,VALUE,... [seeds=N] [key=value ...]

The second form compares values of keys, such as model=compact_cnn,gresnet. Writes studies/NAME/<time>/ with plan.yaml,
cells.parquet, gains.csv, measurements.csv and report.html, and prints that folder as its last line. The same command
carries on a study that was interrupted; with more seeds it adds to what is there.
"""

from mtl_tf.command_line import run_command
from mtl_tf.progress import say
from mtl_tf.study.help import help_text


def main(arguments: list[str]) -> None:
    """Carries out a study."""
    say("loading TensorFlow, some ten seconds")

    from mtl_tf.study.carry_out import compare
    from mtl_tf.study.terminal import print_answers

    folder = compare(arguments)
    print_answers(folder)
    print(folder)


if __name__ == "__main__":
    run_command(main, __doc__, help_text, "interrupted; the same command carries on")
