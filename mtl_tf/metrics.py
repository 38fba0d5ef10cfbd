"""The one list of metrics: names, titles, which direction is better, and where each is computed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A score of one task.

    Attributes:
        name: in configurations and in the files of a run.
        title: as people write it.
        higher_is_better: False for losses.
        tracked: computed after every epoch, so that it can choose the best one.
        scored: computed on test clips, and averaged over folds and repeats.
        main: may judge a task.
    """

    name: str
    title: str
    higher_is_better: bool = True
    tracked: bool = False
    scored: bool = False
    main: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("uar", "UAR", tracked=True, scored=True, main=True),
        Metric("accuracy", "accuracy", tracked=True, scored=True, main=True),
        Metric("macro_f1", "macro F1", tracked=True, scored=True, main=True),
        Metric("micro_f1", "micro F1", scored=True),
        Metric("weighted_precision", "weighted precision", scored=True),
        Metric("roc_auc", "ROC AUC", scored=True),
        Metric("cross_entropy", "cross-entropy", higher_is_better=False, tracked=True),
    )
}
MAIN = tuple(name for name, metric in METRICS.items() if metric.main)
TRACKED = tuple(name for name, metric in METRICS.items() if metric.tracked)
SCORED = tuple(name for name, metric in METRICS.items() if metric.scored)


def metric_title(name: str) -> str:
    """Writes the name of a metric as people do.

    >>> metric_title("macro_f1")
    'macro F1'
    """
    return METRICS[name].title if name in METRICS else name.replace("_", " ")
