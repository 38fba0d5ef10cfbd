"""Scored answers of cells, from which scores over any draw of speakers can be computed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

from mtl_tf.errors import UserError
from mtl_tf.tasks.tags import tag_targets


@dataclass(frozen=True)
class GroupScore:
    """The score of one cell in one task, as a function of how often each group of clips counts.

    Attributes:
        metric: main metric of the task.
        clips: names of the scored clips, in order.
        truth: of these clips, to be held against that of other cells.
        groups: names of the groups, such as the speakers, in order.
        counts: (groups, ...), what the score is made of: confusions (truth, answer) for classes; hits, false and missed
            ones (3, classes) for F1; of mAP the number of the group of each clip.
        targets: of mAP, (clips, classes).
        probabilities: of mAP, (clips, classes).
    """

    metric: str
    clips: tuple[str, ...]
    truth: tuple[str, ...]
    groups: tuple[str, ...]
    counts: np.ndarray
    targets: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    def of_draws(self, times: np.ndarray) -> np.ndarray:
        """Computes the score over draws.

        Args:
            times: (draws, groups), how often each group was drawn.

        Returns:
            float (draws,), over the classes that a draw holds.
        """
        if self.metric == "map":
            return np.array([self._mean_precision(row[self.counts]) for row in times])
        sums = np.tensordot(times.astype(float), self.counts, axes=1)
        if self.targets is not None:
            return _macro_f1(*np.moveaxis(sums, 1, 0))
        hits, support = np.diagonal(sums, axis1=1, axis2=2), sums.sum(axis=2)
        if self.metric == "accuracy":
            return hits.sum(axis=1) / support.sum(axis=1)
        if self.metric == "uar":
            return np.nanmean(_ratio(hits, support), axis=1)
        return _macro_f1(hits, sums.sum(axis=1) - hits, support - hits)

    def whole(self) -> float:
        """Computes the score over all clips."""
        return float(self.of_draws(np.ones((1, len(self.groups)), int))[0])

    def _mean_precision(self, times: np.ndarray) -> float:
        found = []
        for target, values in zip(self.targets.T, self.probabilities.T, strict=True):
            used = (times > 0) & (target >= 0)
            if (target[used] == 1).any():
                found.append(average_precision_score(target[used] == 1, values[used], sample_weight=times[used]))
        return float(np.mean(found)) if found else np.nan


def read_score(
    predictions: pd.DataFrame, metric: str, classes: Sequence[str], background: str | None = None
) -> GroupScore:
    """Reads the answers of a cell.

    Args:
        predictions: rows of one task, as `mtl_tf.evaluation.predict.tabulate` lists them, of all folds.
        metric: main metric of the task.
        classes: of the task, in order; of classes that exclude each other, of all folds.
        background: of steps, the class of those without an event, which no score counts.
    """
    rows = predictions.sort_values("clip_id", kind="stable").reset_index(drop=True)
    groups, numbers = np.unique(rows["group"].astype(str), return_inverse=True)
    names = {
        "metric": metric,
        "clips": tuple(rows["clip_id"]),
        "truth": tuple(rows["label"]),
        "groups": tuple(groups),
    }
    if rows["targets"].isna().all():
        size = len(classes)
        truth, answer = (pd.Categorical(rows[column], classes).codes for column in ("label", "predicted"))
        counts = np.zeros((len(groups), size, size))
        np.add.at(counts, (numbers, truth, answer), 1)
        return GroupScore(**names, counts=counts)
    if metric == "map":
        return GroupScore(
            **names, counts=numbers, targets=np.stack(rows["targets"]), probabilities=np.stack(rows["probabilities"])
        )
    if rows["active"].notna().all() if "active" in rows else False:
        answers = list(rows["active"])
    else:
        answers = list(tag_targets(classes, rows["predicted"]) == 1)
    counts = np.zeros((len(groups), 3, len(classes)))
    for number, values, answer in zip(numbers, rows["targets"], answers, strict=True):
        true, said = np.reshape(values, (-1, len(classes))), np.reshape(answer, (-1, len(classes))).astype(bool)
        pairs = ((true == 1) & said, (true == 0) & said, (true == 1) & ~said)
        counts[number] += [pair.sum(axis=0) for pair in pairs]
    counts = counts[:, :, [name != background for name in classes]]
    return GroupScore(**names, counts=counts, targets=np.zeros(0))


def common_classes(task: str, classes: Sequence[Sequence[str]], exclusive: bool) -> list[str]:
    """Gives the classes of all folds.

    Args:
        task: its name.
        classes: of each fold.
        exclusive: whether one class is right for a clip.

    Raises:
        UserError: folds differ in tags, or in classes of steps, whose answers stand in their order.
    """
    known = list(classes[0])
    if all(list(own) == known for own in classes):
        return known
    if not exclusive:
        raise UserError(
            f"the classes of {task} are not the same in all folds; name them with tasks.{task}.classes=[...]"
        )
    return sorted({name for own in classes for name in own})


def _macro_f1(hits: np.ndarray, false: np.ndarray, missed: np.ndarray) -> np.ndarray:
    f1 = _ratio(2 * hits, 2 * hits + false + missed)
    return np.nanmean(np.where(hits + missed > 0, f1, np.nan), axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
