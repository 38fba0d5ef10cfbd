#!/usr/bin/env python3
"""Answers every task for any audio files.

Usage: scripts/predict.py run=DIR FILE [FILE ...]

Prints one JSON line per file: {"file": ..., "TASK": {"class": ..., "probability": ..., "probabilities": {...}}, ...}.
A file that cannot be decoded is named on standard error; the others are answered, and the exit code is 2.
"""

from pathlib import Path

from mtl_tf.command_line import read_arguments, run_command
from mtl_tf.errors import UserError


def main(arguments: list[str]) -> None:
    """Answers for the given files."""
    values, files = read_arguments(arguments, ["run"], files=True)
    if "run" not in values or not files:
        raise UserError("give run=DIR, a folder that scripts/train.py printed, and at least one audio file")

    from mtl_tf.evaluation.predict_files import predict_files

    predict_files(Path(values["run"]), [Path(file) for file in files])


if __name__ == "__main__":
    run_command(main, __doc__)
