"""The one list of metrics: names, titles, which direction is better, and where each is computed."""

from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True)
class Metric:
    """A score of one task.

    Attributes:
        name: in configurations and in the files of a run.
        title: as people write it.
        higher_is_better: False for losses.
        of_classes: whether tasks with one class per clip have it.
        of_tags: whether tasks with tags have it.
        of_events: whether tasks that ask every step have it.
        tracked: computed after every epoch, so that it can choose the best one.
        scored: computed on test clips, and averaged over folds and repeats.
        main: may judge a task.
    """

    name: str
    title: str
    higher_is_better: bool = True
    of_classes: bool = True
    of_tags: bool = False
    of_events: bool = False
    tracked: bool = False
    scored: bool = False
    main: bool = False


_of_events = partial(Metric, of_classes=False, of_events=True, scored=True)
METRICS = {
    metric.name: metric
    for metric in (
        Metric("uar", "UAR", tracked=True, scored=True, main=True),
        Metric("accuracy", "accuracy", tracked=True, scored=True, main=True),
        Metric("map", "mAP", of_classes=False, of_tags=True, tracked=True, scored=True, main=True),
        Metric("macro_f1", "macro F1", of_tags=True, tracked=True, scored=True, main=True),
        Metric("micro_f1", "micro F1", of_tags=True, scored=True),
        Metric("weighted_precision", "weighted precision", scored=True),
        Metric("roc_auc", "ROC AUC", of_tags=True, scored=True),
        Metric("label_ranking_ap", "label-ranking AP", of_classes=False, of_tags=True, scored=True),
        _of_events("frame_f1", "frame F1", tracked=True, main=True),
        _of_events("segment_f1", "segment F1"),
        _of_events("segment_error_rate", "segment error rate", higher_is_better=False),
        _of_events("event_f1", "event F1"),
        _of_events("event_error_rate", "event error rate", higher_is_better=False),
        _of_events("intersection_f1", "intersection F1"),
        _of_events("psds", "PSDS"),
        _of_events("detection_cost", "detection cost", higher_is_better=False),
        _of_events("eer", "EER", higher_is_better=False),
        Metric("cross_entropy", "cross-entropy", higher_is_better=False, of_tags=True, of_events=True, tracked=True),
    )
}
MAIN = tuple(name for name, metric in METRICS.items() if metric.main)
TRACKED = tuple(name for name, metric in METRICS.items() if metric.tracked)
SCORED = tuple(name for name, metric in METRICS.items() if metric.scored)


def metrics_of(names: tuple[str, ...], exclusive: bool, of_frames: bool = False) -> tuple[str, ...]:
    """Leaves the metrics that a task has.

    Args:
        names: such as `TRACKED`.
        exclusive: whether the task has one class per clip; else it has tags.
        of_frames: whether it asks every step.

    >>> metrics_of(MAIN, False)
    ('map', 'macro_f1')
    """
    kind = "of_events" if of_frames else "of_classes" if exclusive else "of_tags"
    return tuple(name for name in names if getattr(METRICS[name], kind))


def metric_title(name: str) -> str:
    """Writes the name of a metric as people do.

    >>> metric_title("macro_f1")
    'macro F1'
    """
    return METRICS[name].title if name in METRICS else name.replace("_", " ")
