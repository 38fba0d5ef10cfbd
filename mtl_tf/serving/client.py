"""Asks a TF Serving about audio files."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from mtl_tf.data.decode import load_clip
from mtl_tf.errors import UserError
from mtl_tf.evaluation.predict_files import answer_record
from mtl_tf.serving.transports import GrpcTransport, RestTransport
from mtl_tf.serving.warm_up import wav_bytes

WINDOWS_PER_REQUEST = 64


class Client:
    """A model on a server.

    Every method raises a UserError with one line if the server is away, too slow, or refuses the request. Calls that
    fail because the server is not ready are tried again, with growing pauses; refusals are not.

    Args:
        address: HOST:PORT of gRPC, or of REST.
        name: of the model.
        rest: whether to use REST.
        timeout_s: for one call.
    """

    def __init__(self, address: str, name: str, rest: bool = False, timeout_s: float = 30.0) -> None:
        if not re.fullmatch(r"[^\s/]+:\d{1,5}", address):
            raise UserError(f"server {address}: give HOST:PORT, such as localhost:{8501 if rest else 8500}")
        self._transport = (RestTransport if rest else GrpcTransport)(address, name, timeout_s)

    @cached_property
    def details(self) -> dict:
        """What the model says of itself: `classes` by task, `sample_rate`, `version` and more."""
        inputs = {"question": np.array([b""], object)}
        return json.loads(self._transport.predict("about", inputs, ["details"])["details"][0])

    def status(self) -> dict[str, str]:
        """Returns the state of each version on the server, such as `AVAILABLE`."""
        return self._transport.status()

    def signatures(self) -> list[str]:
        """Returns the names of the model's signatures."""
        return self._transport.signatures()

    def predict(self, clips: list[np.ndarray], tasks: Iterable[str] | None = None) -> dict[str, np.ndarray]:
        """Answers clips in one request.

        Args:
            clips: float32 (samples,) each, at the model's sample rate, of any lengths.
            tasks: the questions; None: all.

        Returns:
            Task to float32 (clips, classes).
        """
        wav = np.array([wav_bytes(clip, self.details["sample_rate"], "FLOAT") for clip in clips], object)
        return self._transport.predict("from_wav_bytes", {"wav": wav}, self._known(tasks))

    def predict_windows(
        self, waveform: np.ndarray, window_s: float, hop_s: float, tasks: Iterable[str] | None = None
    ) -> Iterator[tuple[float, dict[str, np.ndarray]]]:
        """Answers the windows of a long recording, some at a time.

        Args:
            waveform: float32 (samples,) at the model's sample rate.
            window_s: length of a window, in seconds.
            hop_s: from the start of one to that of the next, in seconds.
            tasks: the questions; None: all.

        Yields:
            Where a window starts, in seconds, and task to float32 (classes,).
        """
        tasks, rate = self._known(tasks), self.details["sample_rate"]
        if not (window_s > 0 and hop_s > 0):
            raise UserError(f"window_s={window_s:g} hop_s={hop_s:g}: both must be above 0")
        window, hop = (max(round(seconds * rate), 1) for seconds in (window_s, hop_s))
        seconds = {"window_s": np.float32(window_s), "hop_s": np.float32(hop_s)}
        count = 1 + max(0, -(-(len(waveform) - window) // hop))
        for first in range(0, count, WINDOWS_PER_REQUEST):
            number = min(WINDOWS_PER_REQUEST, count - first)
            part = waveform[first * hop : (first + number - 1) * hop + window]
            answers = self._transport.predict("windows", {"waveform": part, **seconds}, tasks)
            for index in range(number):
                yield (first + index) * hop / rate, {task: answers[task][index] for task in tasks}

    def predict_files(self, files: Iterable[Path], batch_size: int = 16) -> Iterator[dict]:
        """Answers audio files of any kind, as `mtl_tf.evaluation.predict_files` does.

        Args:
            files: WAV, FLAC, OGG or MP3.
            batch_size: files in one request.

        Yields:
            For each file a dict with `file` and, by task, `class`, `probability` and `probabilities`; or `error`.
        """
        waiting, sample_rate = [], self.details["sample_rate"]
        for file in files:
            try:
                waiting.append((file, load_clip(file, sample_rate)))
            except UserError as error:
                yield {"file": str(file), "error": str(error)}
            if len(waiting) == batch_size:
                yield from self._answered(waiting)
                waiting = []
        if waiting:
            yield from self._answered(waiting)

    def _answered(self, waiting: list[tuple[Path, np.ndarray]]) -> Iterator[dict]:
        answers = self.predict([clip for _, clip in waiting])
        for row, (file, _) in enumerate(waiting):
            classes = self.details["classes"]
            yield {"file": str(file)} | {task: answer_record(answers[task][row], classes[task]) for task in classes}

    def _known(self, tasks: Iterable[str] | None) -> list[str]:
        known = list(self.details["classes"])
        tasks = known if tasks is None else list(tasks)
        unknown = [task for task in tasks if task not in known]
        if unknown:
            raise UserError(f"the model has no task {', '.join(unknown)}; it has {', '.join(known)}")
        return tasks
