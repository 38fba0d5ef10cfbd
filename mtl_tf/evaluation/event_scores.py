"""Scores of events, by sed_eval and, where it is installed, sed_scores_eval."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn import metrics

from mtl_tf.annotations import Event
from mtl_tf.evaluation.events import ClipEvents
from mtl_tf.evaluation.resample import bootstrap_interval, group_numbers
from mtl_tf.tasks.task import Task

SEGMENT_S = 1.0
COLLAR_S, COLLAR_SHARE = 0.2, 0.2  # of onset and offset; the offset's is a share of the event's length where longer
MISS_WEIGHT = 0.75  # of the detection cost, as in NIST's evaluations of speech activity (OpenSAT)
INTERSECTION = {"dtc_threshold": 0.5, "gtc_threshold": 0.5}  # as DCASE 2021, task 4
PSDS = {
    "dtc_threshold": 0.7,
    "gtc_threshold": 0.7,
    "alpha_ct": 0.0,
    "alpha_st": 1.0,
    "max_efpr": 100.0,
}  # its scenario 1


def score_events(
    clips: Sequence[ClipEvents],
    task: Task,
    decisions: Mapping[str, float],
    groups: np.ndarray | None = None,
) -> dict[str, object]:
    """Scores one task that asks every step.

    Segments are of 1 s. An event is found if its onset is within 0.2 s of the true one, and its offset within 0.2 s or
    a fifth of its length. Error rates are substitutions, deletions and insertions over the true segments or events
    (Mesaros, Heittola and Virtanen 2016, "Metrics for polyphonic sound event detection"). Overall scores count all
    classes together; those of classes are means over the classes that occur.

    Args:
        clips: what `clip_events` gave.
        task: with its classes.
        decisions: class to the probability from which it counts as answered.
        groups: of each clip; clips of one group are not independent. None: all are.

    Returns:
        `segment_f1`, `segment_error_rate`, `event_f1`, `event_error_rate` (overall; each also as `_of_classes`, and
        `segment_errors` and `event_errors`: `substitution_rate`, `deletion_rate`, `insertion_rate`), `intersection_f1`
        and `psds` (None without sed_scores_eval), `frame_f1`, `detection_cost` and `eer` (means over classes, of
        steps), `chance` (`frame_f1` of answering every class in every step), `n` (clips), `num_events`,
        `frame_f1_interval` and `event_f1_interval` (95 %, bootstrap over groups), `interval_groups`, `per_class` and
        `classes`. None where a score is not defined.
    """
    events = [name for name in task.classes if name != task.background]
    known = [clip.targets >= 0 for clip in clips]
    per_class = {name: _score_steps(clips, known, task.classes.index(name)) for name in events}
    present = [entry for entry in per_class.values() if entry["steps"]]
    counts = np.array([_event_counts(clip, events) for clip in clips])
    steps_of = np.array([_step_counts(clip, task, events) for clip in clips])
    numbers = group_numbers(groups, len(clips))
    scores = _segments(clips, events) | _matched(clips, events, per_class) | _intersections(clips, task)
    scores["frame_f1"] = _mean([entry["frame_f1"] for entry in present])
    for name in ("detection_cost", "eer"):
        scores[name] = _mean([entry[name] for entry in present if entry[name] is not None])
    for name, entry in per_class.items():
        entry["decision"] = None if task.exclusive else float(decisions.get(name, 0.5))
    return scores | {
        "chance": _mean([entry["always_f1"] for entry in present]) or 0.0,
        "n": len(clips),
        "num_events": sum(len(clip.truth) for clip in clips),
        "frame_f1_interval": _interval(steps_of, numbers, _macro_f1),
        "event_f1_interval": _interval(counts, numbers, _f1),
        "interval_groups": int(numbers.max()) + 1,
        "per_class": {
            name: {key: value for key, value in entry.items() if key != "always"} for name, entry in per_class.items()
        },
        "classes": list(task.classes),
    }


def _score_steps(clips: Sequence[ClipEvents], known: list[np.ndarray], index: int) -> dict[str, object]:
    truth = np.concatenate([clip.targets[rows[:, index], index] == 1 for clip, rows in zip(clips, known, strict=True)])
    active = np.concatenate([clip.active[rows[:, index], index] for clip, rows in zip(clips, known, strict=True)])
    values = np.concatenate([clip.values[rows[:, index], index] for clip, rows in zip(clips, known, strict=True)])
    there, both = int(truth.sum()), bool(truth.any() and not truth.all())
    missed = float((~active[truth]).mean()) if there else 0.0
    false = float(active[~truth].mean()) if not truth.all() else 0.0
    return {
        "frame_f1": float(metrics.f1_score(truth, active, zero_division=0)) if len(truth) else None,
        "detection_cost": MISS_WEIGHT * missed + (1 - MISS_WEIGHT) * false if both else None,
        "eer": _equal_error_rate(truth, values) if both else None,
        "steps": there,
        "always_f1": 2 * there / (there + len(truth)) if there else 0.0,
    }


def _equal_error_rate(truth: np.ndarray, values: np.ndarray) -> float:
    false, right, _ = metrics.roc_curve(truth, values)
    missed = 1.0 - right
    place = int(np.argmin(np.abs(missed - false)))
    return float((missed[place] + false[place]) / 2)


def _segments(clips: Sequence[ClipEvents], events: Sequence[str]) -> dict[str, object]:
    segments = _sed_eval().SegmentBasedMetrics(event_label_list=list(events), time_resolution=SEGMENT_S)
    for number, clip in enumerate(clips):
        truth, answers = _listed(clip, number)
        segments.evaluate(truth, answers, evaluated_length_seconds=clip.duration_s)
    return _results(segments, "segment", {label for clip in clips for *_, label in clip.truth})


def _matched(
    clips: Sequence[ClipEvents], events: Sequence[str], per_class: dict[str, dict[str, object]]
) -> dict[str, object]:
    matched = _event_metric(events)
    for number, clip in enumerate(clips):
        matched.evaluate(*_listed(clip, number))
    single = matched.results_class_wise_metrics()
    for name, entry in per_class.items():
        found = single[name]["f_measure"]
        entry |= {key: _defined(found[old]) or 0.0 for key, old in (("precision", "precision"), ("recall", "recall"))}
        entry["f1"] = _defined(found["f_measure"]) or 0.0
        entry["n"] = sum(event.label == name for clip in clips for event in clip.truth)
    return _results(matched, "event", {label for clip in clips for *_, label in clip.truth})


def _results(metric, kind: str, present: set[str]) -> dict[str, object]:
    overall, single = metric.results_overall_metrics(), metric.results_class_wise_metrics()
    some = bool(present)
    errors = overall["error_rate"]
    return {
        f"{kind}_f1": (_defined(overall["f_measure"]["f_measure"]) or 0.0) if some else None,
        f"{kind}_error_rate": _defined(errors["error_rate"]) if some else None,
        f"{kind}_f1_of_classes": _mean([_defined(single[name]["f_measure"]["f_measure"]) or 0.0 for name in present]),
        f"{kind}_error_rate_of_classes": _mean([single[name]["error_rate"]["error_rate"] for name in present]),
        f"{kind}_errors": {
            name: _defined(errors[name]) if some else None
            for name in ("substitution_rate", "deletion_rate", "insertion_rate")
        },
    }


def _event_metric(events: Sequence[str]):
    return _sed_eval().EventBasedMetrics(
        event_label_list=list(events), t_collar=COLLAR_S, percentage_of_length=COLLAR_SHARE
    )


def _event_counts(clip: ClipEvents, events: Sequence[str]) -> list[float]:
    """Counts hits, answers and true events of one clip."""
    metric = _event_metric(events)
    metric.evaluate(*_listed(clip, 0))
    return [metric.overall["Ntp"], metric.overall["Nsys"], metric.overall["Nref"]]


def _step_counts(clip: ClipEvents, task: Task, events: Sequence[str]) -> list[np.ndarray]:
    """Counts hits, answers and true steps of one clip, of each class."""
    columns = [task.classes.index(name) for name in events]
    targets, active = clip.targets[:, columns], clip.active[:, columns] & (clip.targets[:, columns] >= 0)
    return [(active & (targets == 1)).sum(axis=0), active.sum(axis=0), (targets == 1).sum(axis=0)]


def _f1(counts: np.ndarray) -> float:
    hits, answers, true = counts
    return float(2 * hits / (answers + true)) if answers + true else 0.0


def _macro_f1(counts: np.ndarray) -> float:
    hits, answers, true = counts
    return float((2 * hits / np.maximum(answers + true, 1))[true > 0].mean()) if (true > 0).any() else 0.0


def _interval(counts: np.ndarray, numbers: np.ndarray, score: Callable[[np.ndarray], float]) -> list[float]:
    """Draws groups of clips anew; counts are (clips, 3) or (clips, 3, classes)."""
    groups = int(numbers.max()) + 1
    if groups < 2:
        return [0.0, 1.0]
    sums = np.zeros((groups, *counts.shape[1:]))
    np.add.at(sums, numbers, counts)
    return bootstrap_interval(lambda drawn: score(sums[drawn].sum(axis=0)), groups)


def _intersections(clips: Sequence[ClipEvents], task: Task) -> dict[str, float | None]:
    nothing = {"intersection_f1": None, "psds": None}
    present = sorted({event.label for clip in clips for event in clip.truth})
    try:
        from sed_scores_eval import intersection_based
    except ImportError:
        return nothing
    if not present:
        return nothing
    truth = {str(number): [tuple(event) for event in clip.truth] for number, clip in enumerate(clips)}
    durations = {str(number): clip.duration_s for number, clip in enumerate(clips)}
    columns = [task.classes.index(name) for name in present]  # of others neither score is defined
    answers, scores = {}, {}
    for number, clip in enumerate(clips):
        times = clip.times
        edges = np.clip(times.start_s + times.period_s * np.arange(len(clip.values) + 1), 0.0, clip.duration_s)
        edges[-1] = clip.duration_s
        for table, values in ((answers, clip.active.astype(float)), (scores, clip.values.astype(float))):
            frame = pd.DataFrame({"onset": edges[:-1], "offset": edges[1:]})
            frame = frame.assign(**dict(zip(present, values[:, columns].T, strict=True)))
            table[str(number)] = _Copied(frame[frame["offset"] > frame["onset"]])
    found = intersection_based.fscore(answers, truth, 0.5, num_jobs=1, **INTERSECTION)[0]
    area = intersection_based.psds(scores, truth, durations, num_jobs=1, **PSDS)[0]
    return {"intersection_f1": _mean([found[name] for name in present]), "psds": float(area)}


class _Copied(pd.DataFrame):
    """A table that gives copies, as sed_scores_eval's compiled code takes no read-only array."""

    @property
    def _constructor(self) -> type:
        return _Copied

    def to_numpy(self, *args, **kwargs) -> np.ndarray:
        """Returns an array that may be written."""
        return super().to_numpy(*args, **(kwargs | {"copy": True}))


def _listed(clip: ClipEvents, number: int) -> tuple[list[dict], list[dict]]:
    """Lists the events of a clip as sed_eval takes them."""

    def entry(event: Event) -> dict:
        times = {"onset": float(event.onset_s), "offset": float(event.offset_s)}
        return {"filename": str(number), "event_label": event.label, **times}

    return [entry(event) for event in clip.truth], [entry(event) for event in clip.answers]


def _sed_eval():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what setuptools means to take away
        import sed_eval
    return sed_eval.sound_event


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _mean(values: list) -> float | None:
    return float(np.mean(values)) if values else None
