"""In how many classes of a partner a class occurs: events of one scene alone, and those of several."""

import numpy as np
import pandas as pd

from mtl_tf.annotations import read_events
from mtl_tf.data.assemble import FoldData
from mtl_tf.data.manifest import TRAIN
from mtl_tf.tasks.tags import ABSENT, UNKNOWN


def count_partner_classes(changes: pd.DataFrame, division: FoldData) -> pd.DataFrame:
    """Counts for every class in how many classes of the partner it occurs, over training clips that both tasks label.

    Args:
        changes: see `class_changes`.
        division: of the clips.

    Returns:
        The same with `partner_classes`; NaN where there are several partners, where the partner gives a clip no single
        class, or where no clip has labels of both.
    """
    counts: dict[tuple[str, str], dict[str, int]] = {}
    found = []
    for row in changes.itertuples():
        key = (row.task, row.partners)
        if key not in counts:
            counts[key] = _counts(division, *key)
        found.append(counts[key].get(changes.at[row.Index, "class"], np.nan))
    return changes.assign(partner_classes=np.array(found, float))


def unique_and_shared(changes: pd.DataFrame) -> list[dict]:
    """Compares the mean changes of classes that occur in one class of a partner alone, and in several.

    Args:
        changes: of `count_partner_classes`.

    Returns:
        `task`, `partner`, and `one` and `several`: mean change and number of classes; only where both are there.
    """
    rows = []
    known = changes[changes["partner_classes"].notna()]
    for (task, partner), own in known.groupby(["task", "partners"], sort=False):
        parts = {"one": own[own["partner_classes"] == 1], "several": own[own["partner_classes"] > 1]}
        if all(map(len, parts.values())):
            means = {name: (float(part["change"].mean()), len(part)) for name, part in parts.items()}
            rows.append({"task": task, "partner": partner} | means)
    return rows


def _counts(division: FoldData, task: str, partner: str) -> dict[str, int]:
    asked = division.tasks.get(partner)
    if task not in division.tasks or asked is None or not asked.exclusive or asked.of_frames:
        return {}
    names = division.names[[task, partner]].iloc[division.positions(TRAIN)].dropna()
    pairs = {
        (event.label, own)
        for text, own in zip(names[task], names[partner], strict=True)
        for event in read_events(str(text))
        if not event.label.startswith((UNKNOWN, ABSENT))
    }
    counts: dict[str, int] = {}
    for label, _ in pairs:
        counts[label] = counts.get(label, 0) + 1
    return counts
