"""Everything between the configuration and the model: clips, division, labels and weights of one fold."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils.class_weight import compute_class_weight

from mtl_tf.config import RunConfig
from mtl_tf.corpora import get_corpus
from mtl_tf.data.audit import FINDING_COLUMNS, find_problems
from mtl_tf.data.manifest import write_table
from mtl_tf.data.prepare import AUDIT, leave_out, prepare_corpus
from mtl_tf.data.splits import TEST, TRAIN, VALIDATION, split_clips
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tasks import Task, build_tasks


@dataclass(frozen=True)
class RunData:
    """The clips of a run.

    Attributes:
        manifest: all usable clips of all corpora, index 0, 1, 2, ...
        roots: corpus name to its folder.
        audit: findings in the clips asked for, with the columns of the audit, `corpus`, and `left_out` (bool).
    """

    manifest: pd.DataFrame
    roots: dict[str, Path]
    audit: pd.DataFrame


@dataclass(frozen=True)
class FoldData:
    """Labels and weights of one fold; all arrays run over the rows of the manifest.

    Attributes:
        tasks: task name to task.
        division: `split` and `closed_set_only` per clip.
        labels: task name to int32 class indices, 0 where there is none.
        weights: task name to float32, 0 where there is no label or the clip is not scored in this task.
        training_weights: the same times the class weights.
    """

    tasks: dict[str, Task]
    division: pd.DataFrame
    labels: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    training_weights: dict[str, np.ndarray]

    def positions(self, part: str) -> np.ndarray:
        """Returns the rows of `train`, `validation` or `test` that carry any label."""
        labelled = np.any([weight > 0 for weight in self.weights.values()], axis=0)
        return np.flatnonzero((self.division["split"] == part).to_numpy() & labelled)

    def num_unlabelled(self) -> int:
        """Counts the clips that carry no label of any task and so take no part."""
        return int(np.all([weight == 0 for weight in self.weights.values()], axis=0).sum())

    def scored_tasks(self, part: str) -> list[str]:
        """Returns the tasks of which at least one clip of a part is labelled."""
        rows = self.positions(part)
        return [name for name, weight in self.weights.items() if (weight[rows] > 0).any()]


def assemble(config: RunConfig) -> RunData:
    """Prepares and audits all corpora of a run and keeps the clips it asks for.

    Raises:
        UserError: missing folder, an audit that stops the run, a `where` that leaves nothing, or clips cut to less than
            one analysis frame.
    """
    frontend = config.options("frontend")
    frame_s = frontend.get("n_fft", 1) / frontend["sample_rate"]
    manifests, roots, audits = [], {}, []
    for name, options in config.corpora.items():
        for key, seconds in ((f"corpora.{name}.crop_s", options.crop_s), ("pipeline.clip_s", config.pipeline.clip_s)):
            if seconds is not None and seconds < frame_s:
                raise UserError(f"{key}={seconds} is shorter than one analysis frame of {frame_s:.3f} s; give more")
        corpus = get_corpus(options.name)
        manifest, root = prepare_corpus(
            options.name, config.data_root, Path(config.prepared_dir), config.audit, quiet=config.quiet
        )
        for column, values in options.where.items():
            if column not in manifest.columns:
                raise UserError(
                    f"corpora.{name}.where: {options.name} has no column {column}."
                    + nearest_hint(column, ["speaker", *corpus.native_labels])
                )
            # A file without labels may be one of those asked for, so the audit has its say.
            manifest = manifest[manifest[column].astype("string").isin(values) | manifest["misfit"].notna()]
        if manifest["misfit"].notna().all():
            raise UserError(f"corpora.{name}.where leaves no clip of {options.name}")
        problems = find_problems(manifest, corpus, config.audit, frame_s, tuple(options.sample_rates))
        listed = Path(config.prepared_dir) / options.name / AUDIT
        write_table(problems, listed)
        kept = leave_out(manifest, problems, corpus, config.audit, listed)
        problems["corpus"] = name
        problems["left_out"] = ~problems["clip_id"].isin(kept["clip_id"])
        manifests.append(kept.assign(corpus=name))
        roots[name] = root
        audits.append(problems)
    manifest = pd.concat(manifests, ignore_index=True)
    audit = pd.concat(audits, ignore_index=True)
    return RunData(manifest, roots, audit[["corpus", *FINDING_COLUMNS, "left_out"]])


def divide(data: RunData, config: RunConfig, fold: int) -> FoldData:
    """Divides the clips and fixes classes, labels and weights of one fold.

    Raises:
        UserError: see `split_clips` and `build_tasks`; a task that no test clip is labelled for; a corpus without any
            label.
    """
    manifest = data.manifest
    division = split_clips(manifest, config, fold)
    tasks, table = build_tasks(config.tasks, manifest.assign(split=division["split"]))
    held_out = division["split"] != TRAIN
    labels, weights, training_weights = {}, {}, {}
    for name, task in tasks.items():
        index = table[name].to_numpy()
        scored = index >= 0
        if not task.closed_set:
            scored &= ~(held_out & division["closed_set_only"]).to_numpy()
        labels[name] = np.maximum(index, 0).astype(np.int32)
        weights[name] = scored.astype(np.float32)
        training_weights[name] = weights[name] * _class_weights(config, labels[name], scored & ~held_out.to_numpy())
    fold_data = FoldData(tasks, division, labels, weights, training_weights)
    labelled = np.any([weight > 0 for weight in weights.values()], axis=0)
    useless = sorted(set(config.corpora) - set(manifest["corpus"][labelled]))
    if useless:
        raise UserError(
            f"no clip of {', '.join(useless)} has a label of {', '.join(tasks)}; leave the corpus out, or name its "
            f"labels with tasks.TASK.labels.{useless[0]}.column=COLUMN"
        )
    missing = set(tasks) - set(fold_data.scored_tasks(TEST))
    if missing:
        raise UserError(f"no test clip has a label for {', '.join(sorted(missing))}; choose another division")
    if not len(fold_data.positions(VALIDATION)) and config.training.early_stopping_patience:
        raise UserError("training.early_stopping_patience needs validation clips; raise split.validation_fraction")
    return fold_data


def _class_weights(config: RunConfig, labels: np.ndarray, training: np.ndarray) -> np.ndarray:
    if config.training.class_weights == "none":
        return np.ones(len(labels), np.float32)
    classes = np.unique(labels[training])
    table = np.ones(labels.max() + 1, np.float32)
    table[classes] = compute_class_weight("balanced", classes=classes, y=labels[training])
    return table[labels]
