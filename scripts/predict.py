#!/usr/bin/env python3
"""Answers every task for any audio files, from a run or from a server.

Usage: scripts/predict.py run=DIR [window_s=S [hop_s=S]] [out=FILE.csv|.tsv|.rttm|.txt] [enrol=DIR] FILE [FILE ...]
       scripts/predict.py --server HOST:PORT [--rest] [name=model] [timeout_s=30] [window_s=S [hop_s=S]] [FILE ...]

Prints one JSON line per file: {"file": ..., "TASK": {"class": ..., "probability": ..., "trust": ..., "probabilities":
{...}}, ...}; of events a list of {"onset_s", "offset_s", "label", "probability"}. With window_s one line per window,
with its "start_s", and one per file with its events. out writes a table, RTTM or label track (.txt), too. trust: such
a share of validation clips answered as surely was right (0.99, 0.95, 0.9; null: less, or of another length than
training's). enrol: clips of the speaker of the files, where training normalised over speakers. A server is a TF
Serving, asked by gRPC (8500) or with --rest (8501); without files, for its signatures.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.errors import UserError
from mtl_tf.values import read_arguments

KEYS = ["run", "server", "name", "timeout_s", "window_s", "hop_s", "out", "enrol"]


def main(arguments: list[str]) -> None:
    """Answers for the given files."""
    values, words = read_arguments(arguments, KEYS, files=True, flags=["rest"])
    files = [Path(word) for word in words]
    if ("run" in values) == ("server" in values):
        raise UserError("give run=DIR, a folder that scripts/train.py printed, or --server HOST:PORT; and audio files")
    if "run" in values and not files:
        raise UserError("give at least one audio file, after run=DIR")
    if "server" in values:
        from mtl_tf.serving.predict_remote import predict_remote

        return predict_remote(values, files)
    if {"name", "timeout_s"} & set(values):
        raise UserError("name and timeout_s are for a server, and a run is none")
    from mtl_tf.evaluation.windows import Windows
    from mtl_tf.runs.predict_files import predict_files

    return predict_files(Path(values["run"]), files, Windows.from_keys(values), values.get("out"), values.get("enrol"))


if __name__ == "__main__":
    run_command(main, __doc__)
