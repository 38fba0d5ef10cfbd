#!/usr/bin/env python3
"""Exports a finished run as a SavedModel for TF Serving.

Usage: scripts/export.py run=DIR name=NAME [version=N] [saved_models_dir=saved_models] [wav_rates=8000,16000,...]
       [formats=onnx,lite,lite_int8]

Writes saved_models/NAME/<version>/, the version one above the last unless given, checks it against the Keras model and
prints the version folder as its last line. Of a run with repeats, the networks of all repeats
answer together. WAV files of the given rates are answered beside those of the model's own.
ONNX and LiteRT files are written into the version's assets.extra if asked for (ONNX needs the extra onnx).
"""

from mtl_tf.command_line import run_command
from mtl_tf.progress import say
from mtl_tf.runs.read import find_models
from mtl_tf.serving.options import KEYS, read_export_options
from mtl_tf.values import read_arguments


def main(arguments: list[str]) -> None:
    """Exports one run."""
    values, _ = read_arguments(arguments, KEYS)
    options = read_export_options(values)
    find_models(options.run)
    say("loading TensorFlow and the model, some ten seconds")

    from mtl_tf.serving.export import export_run

    print(export_run(options.run, options.target, options.version, options.wav_rates, options.formats))


if __name__ == "__main__":
    run_command(main, __doc__)
