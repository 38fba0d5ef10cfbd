"""Prints a server's answers for audio files."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mtl_tf.data.decode import load_clip
from mtl_tf.errors import UserError
from mtl_tf.evaluation.predict_files import answer_record
from mtl_tf.serving.client import Client


def predict_remote(client: Client, files: Sequence[Path], window_s: float | None, hop_s: float | None) -> None:
    """Prints one JSON line per file, or per window of each file; without files, what the server says of the model.

    Args:
        client: of the server.
        files: WAV, FLAC, OGG or MP3.
        window_s: length of a window, in seconds; None: the whole file.
        hop_s: from one window to the next, in seconds; None: as long as a window.

    Raises:
        UserError: the server is away or refuses; or, after all files were tried, some could not be decoded.
    """
    if not files:
        print(json.dumps({"versions": client.status(), "signatures": client.signatures(), **client.details}))
        return
    failed = 0
    for record in client.predict_files(files) if window_s is None else _windows(client, files, window_s, hop_s):
        if "error" in record:
            failed += 1
            print(f"error: {record['error']}", file=sys.stderr)
        else:
            print(json.dumps(record))
    if failed:
        raise UserError(f"{failed} of the files could not be answered")


def _windows(client: Client, files: Sequence[Path], window_s: float, hop_s: float | None):
    classes = client.details["classes"]
    for file in files:
        try:
            waveform = load_clip(file, client.details["sample_rate"])
        except UserError as error:
            yield {"file": str(file), "error": str(error)}
            continue
        for start_s, answers in client.predict_windows(waveform, window_s, hop_s or window_s):
            named = {task: answer_record(answers[task], classes[task]) for task in classes}
            yield {"file": str(file), "start_s": start_s} | named
