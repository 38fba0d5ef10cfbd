"""Prints a server's answers for audio files."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mtl_tf.data.decode import load_clip
from mtl_tf.errors import UserError
from mtl_tf.evaluation.lengths import is_silent, unfit_length
from mtl_tf.evaluation.windows import Windows
from mtl_tf.progress import say
from mtl_tf.runs.answer_file import AnswerFile
from mtl_tf.runs.predict_files import warning_line
from mtl_tf.serving.client import Client, own_steps
from mtl_tf.values import positive_number


def predict_remote(values: dict[str, str], files: Sequence[Path]) -> None:
    """Prints one JSON line per file, or per window of each file; without files, what the server says of the model.

    Args:
        values: as typed: `server`, and perhaps `name`, `rest`, `timeout_s`, `window_s` and `hop_s` (see
            `Windows`), `out` (see `AnswerFile`).
        files: WAV, FLAC, OGG or MP3.

    Raises:
        UserError: `enrol` is given; the server is away or refuses; or, after all files were tried, some could not be
            decoded.
    """
    if "enrol" in values:
        raise UserError("enrol is for run=DIR; a server has the signatures enrol and with_statistics")
    windows = Windows.from_keys(values)
    written = AnswerFile(Path(values["out"]), files) if "out" in values else None
    timeout_s = positive_number("timeout_s", values.get("timeout_s", "30"))
    client = Client(values["server"], values.get("name", "model"), "rest" in values, timeout_s)
    if not files:
        print(json.dumps({"versions": client.status(), "signatures": client.signatures(), **client.details}))
        return
    failed, _ = 0, client.details  # a server that is away is not one line for every file
    for record in client.predict_files(files) if windows is None else _windows(client, files, windows):
        if "error" in record and len(files) == 1:
            raise UserError(record["error"])
        if "error" in record:
            failed += 1
            print(f"error: {record['error']}", file=sys.stderr)
        else:
            if "warning" in record:
                print(record.pop("warning"), file=sys.stderr)
            print(json.dumps(record))
            if written is not None:
                written.add(record, windows and windows.window_s)
    if written is not None:
        written.write()
    if failed:
        raise UserError(f"{failed} of the files could not be answered")


def _windows(client: Client, files: Sequence[Path], windows: Windows):
    for file in files:
        try:
            waveform = load_clip(file, client.details["sample_rate"], warn=say)
        except UserError as error:
            yield {"file": str(file), "error": str(error)}
            continue
        rate, lengths = client.details["sample_rate"], client.details.get("lengths", {})
        unfit = unfit_length(windows.window_s, lengths)
        if unfit:
            print(warning_line(file, unfit, lengths, False), file=sys.stderr)
        gathered: dict[str, list] = {task: [] for task in client.finders}
        for start_s, answers in client.predict_windows(waveform, windows.window_s, windows.hop_s):
            middles_s = own_steps(answers) if gathered else np.zeros(0)
            for task, parts in gathered.items():
                parts.append((start_s, answers[task][: len(middles_s)], middles_s - start_s))
            part = waveform[round(start_s * rate) : round((start_s + windows.window_s) * rate)]
            trusted = unfit is None and not is_silent(part, lengths)
            record = client.name_answers(answers, trusted)
            if record:
                yield {"file": str(file), "start_s": start_s} | record
        if client.finders:
            seconds = len(waveform) / rate
            events = {
                task: finder.records(*finder.merge(gathered[task]), seconds) for task, finder in client.finders.items()
            }
            yield {"file": str(file)} | events
