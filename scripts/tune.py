#!/usr/bin/env python3
"""Searches for the keys of a run that score best on validation clips.

Usage: scripts/tune.py experiment=NAME search=NAME [tuner=hyperband|bayesian|random|grid] [trials=N] [minutes=M]
           [workers=N] [search.KEY=WHAT ...] [key=value ...]
       scripts/tune.py finish=DIR [repeats=N]
       scripts/tune.py worker=DIR

Writes tuning/NAME/<time>/ with trials.csv, best.yaml and report.html, and prints that folder as its last line. The same
command carries on a search that was interrupted. The test split is opened once, by finish=DIR, which also writes
best_experiment.yaml. Needs keras-tuner: pip install "mtl-tf[tune]".
"""

import importlib.util
from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.errors import UserError
from mtl_tf.progress import say
from mtl_tf.tuning.help import KEYS, help_text
from mtl_tf.tuning.search import read_search


def main(arguments: list[str]) -> None:
    """Carries out a search, or finishes one."""
    if importlib.util.find_spec("keras_tuner") is None:
        raise UserError('keras-tuner is missing; give: pip install "mtl-tf[tune]"')
    given = {argument.partition("=")[0].removeprefix("--") for argument in arguments}
    if given & {"finish", "worker"}:
        _go_on(arguments)
        return
    search, run, keys = read_search(arguments, KEYS)
    say("loading TensorFlow and trying the search space, some twenty seconds")

    from mtl_tf.tuning.carry_out import tune

    folder = tune(search, run, keys)
    print(folder)


def _go_on(arguments: list[str]) -> None:
    from mtl_tf.values import read_arguments

    values, _ = read_arguments(arguments, ["finish", "worker", "repeats"])
    folder = Path(values.get("finish") or values["worker"])
    say("loading TensorFlow, some ten seconds")
    if "worker" in values:
        from mtl_tf.tuning.workers import work

        work(folder)
        return

    from mtl_tf.tuning.finish import finish

    print(finish(folder, values.get("repeats", "3")))


if __name__ == "__main__":
    run_command(main, __doc__, help_text, "interrupted; the same command carries on")
