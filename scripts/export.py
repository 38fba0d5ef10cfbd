#!/usr/bin/env python3
"""Exports a finished run as a SavedModel for TF Serving.

Usage: scripts/export.py run=DIR name=NAME [saved_models_dir=saved_models]

Writes saved_models/NAME/<version>/, the version one above the last, checks it against the Keras model and prints the
version folder as its last line.
"""

from pathlib import Path

from mtl_tf.command_line import read_arguments, run_command
from mtl_tf.errors import UserError


def main(arguments: list[str]) -> None:
    """Exports one run."""
    values, _ = read_arguments(arguments, ["run", "name", "saved_models_dir"])
    if "run" not in values or "name" not in values:
        raise UserError("give run=DIR, a folder that scripts/train.py printed, and name=NAME")

    from mtl_tf.serving.export import export_run

    print(export_run(Path(values["run"]), Path(values.get("saved_models_dir", "saved_models")) / values["name"]))


if __name__ == "__main__":
    run_command(main, __doc__)
