"""Plans an epoch: which clips in which order, as a pure function of the run's seed and the epoch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mtl_tf.config import TaskConfig
from mtl_tf.data.manifest import label_columns
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tasks.labels import class_names


@dataclass(frozen=True)
class EpochSampler:
    """Draws the clips of an epoch from several corpora.

    Attributes:
        corpus_of_clip: int array (clips,), which corpus each clip is of.
        corpus_weights: float array (corpora,), used by `quota`.
        mixing: what share of an epoch each corpus has: `proportional` to its size, `balanced` equal shares,
            `temperature` in proportion to size**(1/temperature), `quota` in proportion to its weight. Within its share
            a corpus is passed through in random order, over and over.
        temperature: of `temperature`.
        seed: of the run.
        clips_per_epoch: None: as many as there are, which with `proportional` is every clip once.
        group_of_clip: int array (clips,); within its share a corpus gives as many clips of each group, each group
            passed through in random order, over and over. None: groups do not matter.

    Raises:
        UserError: the weights of `quota` are all zero.
    """

    corpus_of_clip: np.ndarray
    corpus_weights: np.ndarray
    mixing: str
    temperature: float
    seed: int
    clips_per_epoch: int | None = None
    group_of_clip: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuses impossible shares before training starts."""
        self.counts()

    def counts(self) -> np.ndarray:
        """Returns how many clips of an epoch come from each corpus, int (corpora,)."""
        sizes = np.bincount(self.corpus_of_clip, minlength=len(self.corpus_weights))
        present = sizes > 0
        shares = {
            "proportional": sizes.astype(float),
            "balanced": present.astype(float),
            "temperature": np.where(present, sizes.astype(float) ** (1.0 / self.temperature), 0.0),
            "quota": np.where(present, self.corpus_weights, 0.0),
        }[self.mixing]
        if shares.sum() <= 0:
            raise UserError("pipeline.mixing=quota: no corpus has a mixing_weight above 0")
        total = self.clips_per_epoch or int(sizes.sum())
        exact = shares / shares.sum() * total
        counts = np.floor(exact + 1e-9).astype(int)
        counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
        return counts

    def epoch(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Plans one epoch.

        Args:
            epoch: counted from 0.

        Returns:
            int64 (clips,) positions of clips in order, and float32 (clips,) in [0, 1): where to crop each.
        """
        rng = np.random.default_rng([self.seed, epoch])
        drawn = []
        for corpus, count in enumerate(self.counts()):
            members = np.flatnonzero(self.corpus_of_clip == corpus)
            if not len(members):
                continue
            for group, part in _even_parts(members, count, self.group_of_clip, rng):
                passes = -(-part // len(group))
                drawn += [np.concatenate([rng.permutation(group) for _ in range(passes)])[:part]] if passes else []
        order = rng.permutation(np.concatenate(drawn))
        return order.astype(np.int64), rng.random(len(order), dtype=np.float32)


def groups_of(wanted: str, tasks: Mapping[str, TaskConfig], manifest: pd.DataFrame, names: pd.DataFrame) -> np.ndarray:
    """Numbers the classes of a task, or the values of a column.

    Args:
        wanted: name of a task or, where no task is called so, of a column of the manifest.
        tasks: all tasks of the run, those that are not trained too.
        manifest: one row per clip.
        names: class of each clip in each task that is trained, None where it has none.

    Returns:
        int (clips,); clips without a value are one group more.

    Raises:
        UserError: there is neither such a task nor such a column, or clips have several classes of the task.
    """
    if wanted in tasks:
        task = tasks[wanted]
        if not task.exclusive or task.of_frames:
            raise UserError(
                f"pipeline.draw_evenly={wanted}: a clip may have several classes of this task; give a task with one "
                "class per clip, or a column such as speaker"
            )
        values = names[wanted] if wanted in names else class_names(wanted, task, manifest)
    elif wanted in manifest:
        values = manifest[wanted]
    else:
        known = [*tasks, "speaker", *label_columns(manifest)]
        raise UserError(f"pipeline.draw_evenly={wanted}: no such task or column.{nearest_hint(wanted, known)}")
    return pd.factorize(values.astype(object).where(values.notna(), None), use_na_sentinel=False)[0]


def _even_parts(
    members: np.ndarray, count: int, group_of_clip: np.ndarray | None, rng: np.random.Generator
) -> list[tuple[np.ndarray, int]]:
    """Divides a number of clips among groups; whom the rest of the division goes to is drawn."""
    if group_of_clip is None:
        return [(members, count)]
    groups = [members[group_of_clip[members] == group] for group in np.unique(group_of_clip[members])]
    parts = np.full(len(groups), count // len(groups))
    parts[rng.permutation(len(groups))[: count % len(groups)]] += 1
    return list(zip(groups, parts.tolist(), strict=True))
