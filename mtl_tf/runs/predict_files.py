"""Answers every task for audio files of any kind."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from mtl_tf.data.decode import DecodeError, load_clip
from mtl_tf.errors import UserError
from mtl_tf.evaluation.lengths import Lengths, is_silent, unfit_clip, unfit_length
from mtl_tf.evaluation.tags import Decisions, answered_tags
from mtl_tf.evaluation.thresholds import Threshold, trust
from mtl_tf.evaluation.windows import Windows
from mtl_tf.progress import say
from mtl_tf.runs.read import (
    find_model,
    load_classes,
    load_config,
    load_decisions,
    load_lengths,
    load_thresholds,
    longest_clip,
)

WINDOWS_AT_ONCE = 32


def predict_files(folder: Path, files: Sequence[Path], windows: Windows | None = None) -> None:
    """Prints one JSON line per file, or per window of each file.

    Whole files are cut as the run cut its clips (`crop_s`, if its corpora share one).

    Args:
        folder: of a run, or of one fold.
        files: WAV, FLAC, OGG or MP3, of any sample rate and number of channels.
        windows: how to cut long files.

    Raises:
        UserError: the run is not finished, or windows are too short; or, after all files were tried, some could not be
            decoded.
    """
    find_model(folder)
    config, classes, thresholds = load_config(folder), load_classes(folder), load_thresholds(folder)
    decisions = load_decisions(folder)
    if not any(file.exists() for file in files):
        raise UserError(f"cannot decode {files[0]}: no such file")

    say("loading TensorFlow and the model, some ten seconds", quiet=not sys.stderr.isatty())
    from mtl_tf.models.build import answer
    from mtl_tf.runs.load_model import load_model  # takes seconds, too long for a mistyped name

    model = load_model(folder)
    lengths = load_lengths(folder)
    rate, shortest = config.frontend.sample_rate, model.get_layer("frontend").min_samples
    if windows is not None and round(windows.window_s * rate) < shortest:
        raise UserError(f"window_s={windows.window_s:g} is shorter than one analysis frame of {shortest / rate:.3f} s")
    longest = longest_clip(config)
    failed = []
    for file in files:
        try:
            samples = load_clip(file, rate, warn=say)
            if len(samples) < shortest:
                raise DecodeError(f"{file} is shorter than one analysis frame of {shortest / rate:.3f} s")
        except DecodeError as error:
            if len(files) == 1:
                raise
            failed.append(file)
            print(f"error: {error}", file=sys.stderr)
            continue
        parts = iter([(None, samples[:longest])]) if windows is None else windows.cut(samples, rate)
        if windows is None:
            unfit = unfit_clip(samples[:longest], rate, lengths)
        else:
            unfit = unfit_length(windows.window_s, lengths)
        if unfit:
            print(warning_line(file, unfit, lengths, windows is None), file=sys.stderr)
        for start_s, part, answers in _answer(partial(answer, model), shortest, parts):
            place = {"file": str(file)} | ({} if start_s is None else {"start_s": start_s})
            trusted = {} if unfit or is_silent(part, lengths) else thresholds
            print(json.dumps(place | answer_records(answers, classes, trusted, decisions)))
    if failed:
        raise UserError(f"{len(failed)} of the files could not be answered")


def warning_line(file: Path, unfit: str, lengths: Lengths, whole: bool) -> str:
    """Words the warning that answers for a file are not to be trusted.

    Args:
        file: its name.
        unfit: what `unfit_clip` said.
        lengths: of the clips that the model was trained on.
        whole: whether the file was answered whole, so that windows would help.
    """
    advice = ""
    if unfit.startswith("it lasts"):
        advice = f"; window_s={lengths['trained_s']:g} answers it in parts" if whole else "; give another window_s"
    return f"warning: {file}: {unfit}, so its answer is given no trust{advice}"


def _answer(
    ask: Callable, shortest: int, parts: Iterator[tuple[float | None, np.ndarray]]
) -> Iterator[tuple[float | None, np.ndarray, dict[str, np.ndarray]]]:
    while batch := list(islice(parts, WINDOWS_AT_ONCE)):
        counted = np.array([len(samples) for _, samples in batch], np.int32)
        longest = max(shortest, *counted)
        outputs = ask(np.stack([np.pad(samples, (0, longest - len(samples))) for _, samples in batch]), counted)
        answers = {task: np.asarray(values) for task, values in outputs.items()}
        for index, (start_s, part) in enumerate(batch):
            yield start_s, part, {task: values[index] for task, values in answers.items()}


def answer_records(
    answers: dict[str, np.ndarray],
    classes: dict[str, list[str]],
    thresholds: dict[str, list[Threshold]],
    decisions: dict[str, Decisions],
) -> dict[str, dict[str, object]]:
    """Names the answers for one clip.

    Args:
        answers: task to float (classes,).
        classes: class names of every task.
        thresholds: of the tasks that have some.
        decisions: of the tasks with tags.

    Returns:
        Task to `class` (that of the largest probability), `probability`, `trust` (the share of answers as sure as this
        one that were right on validation clips: 0.99, 0.95, 0.9 or None) and `probabilities`. A task with tags has
        `tags` (those whose probability reaches its decision) and `probabilities`.
    """
    records: dict[str, dict[str, object]] = {}
    for task, names in classes.items():
        probabilities = {name: round(float(value), 6) for name, value in zip(names, answers[task], strict=True)}
        if task in decisions:
            answered = answered_tags(answers[task], names, decisions[task])
            tags = [name for name, there in zip(names, answered, strict=True) if there]
            records[task] = {"tags": tags, "probabilities": probabilities}
            continue
        best = int(answers[task].argmax())
        records[task] = {
            "class": names[best],
            "probability": round(float(answers[task][best]), 6),
            "trust": trust(float(answers[task][best]), thresholds.get(task, [])),
            "probabilities": probabilities,
        }
    return records
