#!/usr/bin/env python3
"""Scores a finished run on its test clips again.

Usage: scripts/evaluate.py run=DIR [data_root=DIR]

Reads the run's model.keras, config.yaml and splits.parquet, writes evaluation.json and speakers.csv beside them and
prints the scores, also per class and per speaker.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.errors import UserError
from mtl_tf.progress import say
from mtl_tf.runs.read import load_config
from mtl_tf.values import read_arguments


def main(arguments: list[str]) -> None:
    """Scores one run."""
    values, _ = read_arguments(arguments, ["run", "data_root"])
    if "run" not in values:
        raise UserError("give run=DIR, a folder that scripts/train.py printed")
    folder = Path(values["run"])
    load_config(folder)
    say("loading TensorFlow and the model, some ten seconds")

    from mtl_tf.reporting.tables import print_details, print_scores
    from mtl_tf.runs.score_again import evaluate_run

    evaluate_run(folder, values.get("data_root"))
    print_scores(folder, "evaluation.json")
    print_details(folder)


if __name__ == "__main__":
    run_command(main, __doc__)
