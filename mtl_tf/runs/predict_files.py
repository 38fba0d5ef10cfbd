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
from mtl_tf.evaluation.event_finder import Record, event_finders
from mtl_tf.evaluation.lengths import Lengths, is_silent, unfit_clip, unfit_length
from mtl_tf.evaluation.tags import Decisions, answered_tags
from mtl_tf.evaluation.thresholds import Threshold, trust
from mtl_tf.evaluation.windows import Windows
from mtl_tf.progress import say
from mtl_tf.runs.answer_file import AnswerFile
from mtl_tf.runs.read import (
    find_models,
    load_classes,
    load_config,
    load_decisions,
    load_lengths,
    load_thresholds,
    longest_clip,
)
from mtl_tf.tasks.labels import task_of
from mtl_tf.tasks.steps import Steps

WINDOWS_AT_ONCE = 32


def predict_files(
    folder: Path,
    files: Sequence[Path],
    windows: Windows | None = None,
    out: Path | str | None = None,
    enrol: Path | str | None = None,
) -> None:
    """Prints one JSON line per file, or per window of each file; events of all windows are one line more.

    Whole files are cut as the run cut its clips (`crop_s`, if its corpora share one).

    Args:
        folder: of a run, or of one fold.
        files: WAV, FLAC, OGG or MP3, of any sample rate and number of channels.
        windows: how to cut long files.
        out: file for the answers, see `AnswerFile`; None: none.
        enrol: clip, or folder of clips, of the speaker (or other group) of all files, whose features are normalised by
            these clips where the run normalises over groups; None: by the training clips.

    Raises:
        UserError: the run is not finished, windows are too short, or `out` cannot hold the answers; or, after all files
            were tried, some could not be decoded.
    """
    find_models(folder)
    config, classes, thresholds = load_config(folder), load_classes(folder), load_thresholds(folder)
    decisions = load_decisions(folder)
    tasks = {name: task_of(name, config.tasks[name], names) for name, names in classes.items()}
    of_frames = [name for name, task in tasks.items() if task.of_frames]
    written = None if out is None else AnswerFile(Path(out), files, of_frames)
    if not any(file.exists() for file in files):
        raise UserError(f"cannot decode {files[0]}: no such file")

    say("loading TensorFlow and the model, some ten seconds", quiet=not sys.stderr.isatty())
    from mtl_tf.models.build import answer
    from mtl_tf.models.steps import steps_of
    from mtl_tf.runs.enrol import statistics_of
    from mtl_tf.runs.load_model import load_model  # takes seconds, too long for a mistyped name

    model = load_model(folder)
    lengths = load_lengths(folder)
    rate, shortest = config.frontend.sample_rate, model.get_layer("frontend").min_samples
    if windows is not None and round(windows.window_s * rate) < shortest:
        raise UserError(f"window_s={windows.window_s:g} is shorter than one analysis frame of {shortest / rate:.3f} s")
    longest, steps = longest_clip(config), steps_of(model, tasks)
    finders = event_finders(tasks, steps, decisions)
    ask = partial(answer, model, **statistics_of(model.get_layer("frontend"), enrol))
    failed = []

    def put(record: dict, window_s: float | None = None) -> None:
        print(json.dumps(record))
        if written is not None:
            written.add(record, window_s)

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
        gathered: dict[str, list[tuple[float, np.ndarray, np.ndarray]]] = {name: [] for name in finders}
        for start_s, part, answers in _answer(ask, shortest, steps, parts):
            place = {"file": str(file)} | ({} if start_s is None else {"start_s": start_s})
            trusted = {} if unfit or is_silent(part, lengths) else thresholds
            middles_s = steps.of(max(len(part), shortest)).middles_s if finders else []
            seconds = len(part) / rate
            events = {name: finder.records(answers[name], middles_s, seconds) for name, finder in finders.items()}
            for name in finders:
                gathered[name].append((start_s or 0.0, answers[name], middles_s))
            record = answer_records(answers, classes, trusted, decisions, {} if start_s is not None else events)
            if record:
                put(place | record, len(part) / rate)
        if windows is not None and finders:
            seconds = len(samples) / rate
            merged = {name: finder.records(*finder.merge(gathered[name]), seconds) for name, finder in finders.items()}
            put({"file": str(file)} | merged)
    if written is not None:
        written.write()
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
    ask: Callable, shortest: int, steps: Steps | None, parts: Iterator[tuple[float | None, np.ndarray]]
) -> Iterator[tuple[float | None, np.ndarray, dict[str, np.ndarray]]]:
    while batch := list(islice(parts, WINDOWS_AT_ONCE)):
        counted = np.array([len(samples) for _, samples in batch], np.int32)
        longest = max(shortest, *counted)
        outputs = ask(np.stack([np.pad(samples, (0, longest - len(samples))) for _, samples in batch]), counted)
        answers = {task: np.asarray(values) for task, values in outputs.items()}
        for index, (start_s, part) in enumerate(batch):
            own = slice(None if steps is None else steps.count(len(part)))
            yield (
                start_s,
                part,
                {task: values[index, own] if values.ndim == 3 else values[index] for task, values in answers.items()},
            )


def answer_records(
    answers: dict[str, np.ndarray],
    classes: dict[str, list[str]],
    thresholds: dict[str, list[Threshold]],
    decisions: dict[str, Decisions],
    events: dict[str, list[Record]],
) -> dict[str, object]:
    """Names the answers for one clip.

    Args:
        answers: task to float (classes,).
        classes: class names of every task.
        thresholds: of the tasks that have some.
        decisions: of the tasks with tags.
        events: of the tasks that ask every step; those that are missing get no answer.

    Returns:
        Task to `class` (that of the largest probability), `probability`, `trust` (the share of answers as sure as this
        one that were right on validation clips: 0.99, 0.95, 0.9 or None) and `probabilities`. A task with tags has
        `tags` (those whose probability reaches its decision) and `probabilities`. A task that asks every step has the
        list of its events.
    """
    records: dict[str, object] = {}
    for task, names in classes.items():
        if answers[task].ndim == 2:
            records |= {task: events[task]} if task in events else {}
            continue
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
