#!/usr/bin/env python3
"""Trains, scores and reports an experiment.

Usage: scripts/train.py experiment=NAME [group=choice ...] [key=value ...]

Writes runs/NAME/<time>/ with config.yaml, metrics.json, predictions.parquet, history.csv, audit.csv, model.keras and
report.html, and prints that folder as its last line. The same command carries on a run that was interrupted.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.compose import compose
from mtl_tf.config_help import help_text
from mtl_tf.corpora import open_corpus
from mtl_tf.progress import say
from mtl_tf.runs.folder import check_writable


def main(arguments: list[str]) -> None:
    """Runs one experiment."""
    config = compose(arguments)
    for name, corpus in config.corpora.items():
        open_corpus(name, corpus).root(config.data_root, Path(config.prepared_dir))
    check_writable(config)
    say(f"{config.experiment}: loading TensorFlow and the corpora, some ten seconds", config.quiet)

    from mtl_tf.experiment import run_experiment
    from mtl_tf.reporting.tables import print_scores, print_validation

    folder = run_experiment(config)
    (print_scores if config.score_test else print_validation)(folder)
    print(folder)


if __name__ == "__main__":
    run_command(main, __doc__, help_text, "interrupted; the same command carries on")
