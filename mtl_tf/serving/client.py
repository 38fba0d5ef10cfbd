"""Asks a TF Serving about audio files."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from mtl_tf.data.decode import LOUDEST, load_clip
from mtl_tf.errors import UserError
from mtl_tf.evaluation.event_finder import EventFinder
from mtl_tf.evaluation.lengths import unfit_clip
from mtl_tf.progress import say
from mtl_tf.runs.predict_files import answer_records, warning_line
from mtl_tf.serving.transports import GrpcTransport, RestTransport
from mtl_tf.serving.warm_up import wav_bytes

TIME = "time_s"  # as the signatures call it
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
            Task to float32 (clips, classes); of a question of every step (clips, steps, classes), and `time_s` beside
            it.
        """
        rate = self.details["sample_rate"]
        wav = [wav_bytes(_checked(clip, f"clip {index}"), rate, "FLOAT") for index, clip in enumerate(clips)]
        if not wav:
            raise UserError("give at least one clip")
        return self._transport.predict("from_wav_bytes", {"wav": np.array(wav, object)}, self._timed(tasks))

    def predict_batch(self, waveform: np.ndarray) -> dict[str, np.ndarray]:
        """Answers clips of one length, float32 (clips, samples), unchecked and without the detour over WAV bytes."""
        return self._transport.predict("serving_default", {"waveform": waveform}, self._timed(None))

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
            Where a window starts, in seconds, and task to float32 (classes,), or (steps, classes) with `time_s` beside
            it.
        """
        tasks, rate = self._timed(tasks), self.details["sample_rate"]
        if not (0 < window_s < np.inf and 0 < hop_s < np.inf):
            raise UserError(f"window_s={window_s:g} hop_s={hop_s:g}: give numbers above 0")
        waveform = _checked(waveform, "the waveform")
        window, hop = (max(round(seconds * rate), 1) for seconds in (window_s, hop_s))
        seconds = {"window_s": np.float32(window_s), "hop_s": np.float32(hop_s)}
        count = min(1 + max(0, -(-(len(waveform) - window) // hop)), -(-len(waveform) // hop))
        for first in range(0, count, WINDOWS_PER_REQUEST):
            number = min(WINDOWS_PER_REQUEST, count - first)
            part = waveform[first * hop : (first + number - 1) * hop + window]
            answers = self._transport.predict("windows", {"waveform": part, **seconds}, tasks)
            for index in range(number):
                yield (first + index) * hop / rate, {task: answers[task][index] for task in tasks}

    def predict_files(self, files: Iterable[Path], batch_size: int = 16) -> Iterator[dict]:
        """Answers audio files of any kind, as `mtl_tf.runs.predict_files` does.

        Args:
            files: WAV, FLAC, OGG or MP3.
            batch_size: files in one request.

        Yields:
            For each file a dict with `file` and what `name_answers` gives, or `error`; and `warning` where the file is
            silent, or far longer or shorter than what the model was trained on, and so is given no trust.
        """
        waiting, sample_rate = [], self.details["sample_rate"]
        for file in files:
            try:
                waiting.append((file, _checked(load_clip(file, sample_rate, warn=say), str(file))))
            except UserError as error:
                yield {"file": str(file), "error": str(error)}
            if len(waiting) == batch_size:
                yield from self._answered(waiting)
                waiting = []
        if waiting:
            yield from self._answered(waiting)

    def _answered(self, waiting: list[tuple[Path, np.ndarray]]) -> Iterator[dict]:
        answers = self.predict([clip for _, clip in waiting])
        for row, (file, clip) in enumerate(waiting):
            used = clip[: self.details["longest_clip"]]
            unfit = unfit_clip(used, self.details["sample_rate"], self.details.get("lengths", {}))
            seconds = len(used) / self.details["sample_rate"]
            own = {task: values[row] for task, values in answers.items()}
            answer = self.name_answers(own, unfit is None, seconds)
            warning = {} if unfit is None else {"warning": warning_line(file, unfit, self.details["lengths"], True)}
            yield {"file": str(file)} | answer | warning

    @cached_property
    def finders(self) -> dict[str, EventFinder]:
        """What makes events of the answers, for the questions of every step."""
        return {task: EventFinder.from_json(entry) for task, entry in self.details.get("events", {}).items()}

    def name_answers(
        self, answers: dict[str, np.ndarray], trusted: bool = True, duration_s: float | None = None
    ) -> dict[str, object]:
        """Names the answers for one clip, see `answer_records`.

        Args:
            answers: every task to float (classes,), or (steps, classes) with `time_s` beside it.
            trusted: whether the clip is like those of training, so that `trust` may be told; see `unfit_clip`.
            duration_s: of the clip, for events; None: there is no answer of events.
        """
        thresholds = self.details.get("thresholds", {}) if trusted else {}
        events = {}
        if duration_s is not None and self.finders:
            middles_s = own_steps(answers)
            events = {
                task: finder.records(answers[task][: len(middles_s)], middles_s, duration_s)
                for task, finder in self.finders.items()
                if task in answers
            }
        return answer_records(answers, self.details["classes"], thresholds, self.details["decisions"], events)

    def _timed(self, tasks: Iterable[str] | None) -> list[str]:
        """Lists the outputs to ask for: the tasks, and the times of steps where one has some."""
        tasks = self._known(tasks)
        return [*tasks, *[TIME] * any(task in self.finders for task in tasks)]

    def _known(self, tasks: Iterable[str] | None) -> list[str]:
        known = list(self.details["classes"])
        tasks = known if tasks is None else [tasks] if isinstance(tasks, str) else list(tasks)
        if not tasks:
            raise UserError(f"give at least one task of {', '.join(known)}")
        unknown = [task for task in tasks if task not in known]
        if unknown:
            raise UserError(f"the model has no task {', '.join(unknown)}; it has {', '.join(known)}")
        return tasks


def own_steps(answers: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the middles of the steps of one clip that are no padding, float (steps,), by `time_s`."""
    return answers[TIME][answers[TIME] >= 0]


def _checked(samples: np.ndarray, name: str) -> np.ndarray:
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise UserError(f"{name} must be floats in [-1, 1] of shape (samples,); it is {samples.dtype} {samples.shape}")
    if not samples.size or not np.isfinite(samples).all():
        raise UserError(f"{name} holds {'samples that are not finite' if samples.size else 'no samples'}")
    loudest = np.abs(samples).max()
    if loudest > LOUDEST:
        raise UserError(f"{name} must lie in [-1, 1]; its largest value is {loudest:g}")
    return samples.astype(np.float32, copy=False)
