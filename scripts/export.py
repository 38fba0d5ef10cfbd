#!/usr/bin/env python3
"""Exports a finished run as a SavedModel for TF Serving.

Usage: scripts/export.py run=DIR name=NAME [version=N] [saved_models_dir=saved_models] [wav_rates=8000,16000,...]

Writes saved_models/NAME/<version>/, the version one above the last unless given, checks it against the Keras model and
prints the version folder as its last line. WAV files of the given rates are answered beside those of the model's own.
"""

import re
from pathlib import Path

from mtl_tf.command_line import read_arguments, run_command
from mtl_tf.errors import UserError


def main(arguments: list[str]) -> None:
    """Exports one run."""
    values, _ = read_arguments(arguments, ["run", "name", "version", "saved_models_dir", "wav_rates"])
    if "run" not in values or "name" not in values:
        raise UserError("give run=DIR, a folder that scripts/train.py printed, and name=NAME")

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", values["name"]):
        raise UserError(f"name={values['name']}: give a plain folder name of letters, digits, '_', '.' and '-'")
    version = values.get("version")
    if version is not None and not (version.isdigit() and int(version) > 0):
        raise UserError(f"version={version}: give a whole number above 0")

    rates = values.get("wav_rates", "").split(",") if "wav_rates" in values else None
    if rates and not all(rate.isdigit() and 1000 <= int(rate) <= 384000 for rate in rates):
        raise UserError(
            f"wav_rates={values['wav_rates']}: give sample rates from 1000 to 384000 Hz, such as 8000,44100"
        )

    from mtl_tf.serving.export import WAV_RATES, export_run

    target = Path(values.get("saved_models_dir", "saved_models")) / values["name"]
    print(export_run(Path(values["run"]), target, version and int(version), [int(rate) for rate in rates or WAV_RATES]))


if __name__ == "__main__":
    run_command(main, __doc__)
