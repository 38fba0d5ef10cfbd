"""Prints a server's answers for audio files."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from mtl_tf.command_line import positive_number
from mtl_tf.data.decode import load_clip
from mtl_tf.errors import UserError
from mtl_tf.serving.client import Client


def predict_remote(values: dict[str, str], files: Sequence[Path]) -> None:
    """Prints one JSON line per file, or per window of each file; without files, what the server says of the model.

    Args:
        values: as typed: `server`, and perhaps `name`, `rest`, `timeout_s`, `window_s` (the whole file if missing) and
            `hop_s` (as long as a window if missing).
        files: WAV, FLAC, OGG or MP3.

    Raises:
        UserError: the server is away or refuses; or, after all files were tried, some could not be decoded.
    """
    seconds = {key: positive_number(key, values[key]) for key in ("timeout_s", "window_s", "hop_s") if key in values}
    if "hop_s" in values and "window_s" not in values:
        raise UserError("hop_s needs window_s")
    client = Client(values["server"], values.get("name", "model"), "rest" in values, seconds.get("timeout_s", 30.0))
    window_s, hop_s = seconds.get("window_s"), seconds.get("hop_s")
    if not files:
        print(json.dumps({"versions": client.status(), "signatures": client.signatures(), **client.details}))
        return
    failed, _ = 0, client.details  # a server that is away is not one line for every file
    for record in client.predict_files(files) if window_s is None else _windows(client, files, window_s, hop_s):
        if "error" in record and len(files) == 1:
            raise UserError(record["error"])
        if "error" in record:
            failed += 1
            print(f"error: {record['error']}", file=sys.stderr)
        else:
            print(json.dumps(record))
    if failed:
        raise UserError(f"{failed} of the files could not be answered")


def _windows(client: Client, files: Sequence[Path], window_s: float, hop_s: float | None):
    for file in files:
        try:
            waveform = load_clip(file, client.details["sample_rate"])
        except UserError as error:
            yield {"file": str(file), "error": str(error)}
            continue
        for start_s, answers in client.predict_windows(waveform, window_s, hop_s or window_s):
            yield {"file": str(file), "start_s": start_s} | client.name_answers(answers)
