"""Everything between the configuration and the model: clips, division, labels and weights of one fold."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mtl_tf.config import AuditConfig, RunConfig
from mtl_tf.corpora import open_corpus
from mtl_tf.data.audit import FINDING_COLUMNS, find_problems
from mtl_tf.data.leave_out import leave_out
from mtl_tf.data.manifest import TEST, TRAIN, VALIDATION, label_columns
from mtl_tf.data.prepare import AUDIT, heard_peaks, prepare_corpus
from mtl_tf.data.sampling import groups_of
from mtl_tf.data.splits import UNUSED, split_clips
from mtl_tf.data.tested import note_known_speakers
from mtl_tf.data.weights import class_weights, note_small_tasks, task_weights
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.tables import write_table
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.labels import build_tasks, index_labels
from mtl_tf.tasks.task import Task


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
        names: the class name of each clip in each task, or its tags as one text; None where there is no label.
        labels: task name to int32 class indices, 0 where there is none; of tags float32 (clips, classes), see
            `tag_targets`; of questions of steps `FrameLabels`.
        weights: task name to float32, 0 where there is no label or the clip is not scored in this task.
        class_weights: task name to float32 (classes,), what a clip of each class weighs in the training loss.
        task_weights: task name to what its loss weighs.
        groups: of each clip, for intervals: clips of one group are not independent.
        notes: what a reader of the scores has to know.
        drawn_by: int, the group of each clip of which an epoch has as many as of others; None: groups do not matter.
    """

    tasks: dict[str, Task]
    division: pd.DataFrame
    names: pd.DataFrame
    labels: dict[str, np.ndarray | FrameLabels]
    weights: dict[str, np.ndarray]
    class_weights: dict[str, np.ndarray]
    task_weights: dict[str, float]
    groups: np.ndarray
    notes: list[str] = field(default_factory=list)
    drawn_by: np.ndarray | None = None

    def positions(self, part: str) -> np.ndarray:
        """Returns the rows of `train`, `validation` or `test` that carry any label."""
        return np.flatnonzero((self.division["split"] == part).to_numpy() & self._labelled())

    def num_unlabelled(self) -> int:
        """Counts the clips that carry no label of any task and so take no part."""
        return int(self.names.isna().all(axis=1).sum())

    def num_unscorable(self) -> int:
        """Counts the clips that take no part though they carry a label: of a class that no training clip has."""
        used = ((self.division["split"] != UNUSED) & ~self.division["closed_set_only"]).to_numpy()
        return int((used & ~self._labelled() & self.names.notna().any(axis=1).to_numpy()).sum())

    def num_labels(self, part: str) -> dict[str, int]:
        """Counts the labels of each task in a part."""
        rows = self.positions(part)
        return {name: int((weight[rows] > 0).sum()) for name, weight in self.weights.items()}

    def scored_tasks(self, part: str) -> list[str]:
        """Returns the tasks of which at least one clip of a part is labelled."""
        return [name for name, count in self.num_labels(part).items() if count]

    def _labelled(self) -> np.ndarray:
        return np.any([weight > 0 for weight in self.weights.values()], axis=0)


def assemble(config: RunConfig, min_samples: int = 1) -> RunData:
    """Prepares and audits all corpora of a run and keeps the clips it asks for.

    Args:
        config: of the run.
        min_samples: shortest clip that the front end takes, at its sample rate.

    Raises:
        UserError: missing folder, an audit that stops the run, a `where` that leaves nothing, or clips cut to less than
            one analysis frame.
    """
    sample_rate = config.frontend.sample_rate
    frame_s = min_samples / sample_rate
    manifests, roots, audits = [], {}, []
    for name, options in config.corpora.items():
        for key, seconds in ((f"corpora.{name}.crop_s", options.crop_s), ("pipeline.clip_s", config.pipeline.clip_s)):
            if seconds is not None and seconds < frame_s:
                raise UserError(f"{key}={seconds} is shorter than one analysis frame of {frame_s:.3f} s; give more")
        corpus = open_corpus(name, options)
        manifest, root = prepare_corpus(
            corpus, config.data_root, Path(config.prepared_dir), config.audit, quiet=config.quiet
        )
        for column, values in options.where.items():
            if column not in manifest.columns:
                raise UserError(
                    f"corpora.{name}.where: {corpus.name} has no column {column}."
                    + nearest_hint(column, ["speaker", *label_columns(manifest)])
                )
            # A file without labels may be one of those asked for, so the audit has its say.
            manifest = manifest[manifest[column].astype("string").isin(values) | manifest["misfit"].notna()]
        if manifest["misfit"].notna().all():
            raise UserError(f"corpora.{name}.where leaves no clip of {corpus.name}")
        prepared = Path(config.prepared_dir) / corpus.name
        peaks = heard_peaks(
            manifest, root, prepared, sample_rate, options.crop_s, config.audit.num_workers, config.quiet
        )
        problems = find_problems(manifest, corpus, config.audit, frame_s, tuple(options.sample_rates), peaks)
        write_table(problems, prepared / AUDIT)
        read = [
            task.labels[name]
            for task in config.tasks.values()
            if name in task.labels and task.exclusive and not task.of_frames
        ]
        columns = [column for labels in read for column in labels.all_columns()]
        known = tuple(dict.fromkeys(column for column in columns if column in manifest))
        kept = leave_out(manifest, problems, corpus, _audit_of(config, name), prepared / AUDIT, known)
        problems["corpus"] = name
        problems["left_out"] = ~problems["clip_id"].isin(kept["clip_id"])
        manifests.append(kept.assign(corpus=name))
        roots[name] = root
        audits.append(problems)
    manifest = pd.concat(manifests, ignore_index=True)
    audit = pd.concat(audits, ignore_index=True)
    return RunData(_joined_recordings(manifest), roots, audit[["corpus", *FINDING_COLUMNS, "left_out"]])


def divide(data: RunData, config: RunConfig, fold: int) -> FoldData:
    """Divides the clips and fixes classes, labels and weights of one fold.

    Raises:
        UserError: see `split_clips` and `build_tasks`; a task that no test clip is labelled for; a corpus without any
            label; a score to watch that validation clips cannot give; or see `groups_of`.
    """
    manifest, notes, drawn = data.manifest, [], config.pipeline.draw_evenly
    division = split_clips(manifest, config, fold, notes)
    tasks, names = build_tasks(config.trained_tasks, manifest.assign(split=division["split"]))
    for name, task in config.trained_tasks.items():
        if task.permute_seed is not None:
            names[name] = permuted(names[name], manifest["corpus"], division["split"], task.permute_seed)
            notes.append(f"the labels of {name} were shuffled among the clips")
    training = (division["split"] == TRAIN).to_numpy()
    labels, weights, duration_s = {}, {}, used_duration_s(manifest, config)
    for name, task in tasks.items():
        index = index_labels(task, names[name], training, duration_s)
        scored = task.is_labelled(index.known if isinstance(index, FrameLabels) else index)
        if not task.closed_set:
            scored &= ~(~training & division["closed_set_only"].to_numpy())
        if isinstance(index, FrameLabels):
            labels[name] = index
        else:
            labels[name] = np.maximum(index, 0) if task.exclusive else index.astype(np.float32)
        weights[name] = scored.astype(np.float32)
    fold_data = FoldData(
        tasks,
        division,
        names,
        labels,
        weights,
        class_weights(config.training.class_weights, tasks, labels, weights, training),
        task_weights(config.training, tasks, weights, training),
        _groups(manifest, config),
        notes,
        None if drawn is None else groups_of(drawn, config.tasks, manifest, names),
    )
    _check_labels(fold_data, manifest, config)
    note_known_speakers(manifest, division, config, notes)
    note_small_tasks(fold_data.num_labels(TRAIN), config.training, notes)
    if fold_data.num_unscorable():
        notes.append(
            f"{fold_data.num_unscorable()} clips take no part though they carry a label: it is of a class (a speaker) "
            "that no training clip has"
        )
    return fold_data


def permuted(names: pd.Series, corpora: pd.Series, parts: pd.Series, seed: int) -> pd.Series:
    """Shuffles labels among the labelled clips of each corpus, those of training and of validation apart.

    Args:
        names: of the labels; None where there is none.
        corpora: of the clips.
        parts: of the division.
        seed: of the shuffling.

    Returns:
        The same labels, those of test clips in their places.
    """
    rng, result = np.random.default_rng(seed), names.copy()
    for part in (TRAIN, VALIDATION):
        for corpus in sorted(set(corpora)):
            rows = names.index[(parts == part) & (corpora == corpus) & names.notna()]
            result[rows] = rng.permutation(names[rows].to_numpy(object))
    return result


def used_duration_s(manifest: pd.DataFrame, config: RunConfig) -> np.ndarray:
    """Says how much of each clip a run uses, float (clips,), in seconds."""
    crops = manifest["corpus"].map({name: corpus.crop_s or np.inf for name, corpus in config.corpora.items()})
    return np.minimum(manifest["num_frames"] / manifest["sample_rate"].clip(lower=1), crops.astype(float)).to_numpy()


def _audit_of(config: RunConfig, name: str) -> AuditConfig:
    """Gives the audit's keys with what one corpus accepts and skips."""
    corpus, audit = config.corpora[name], config.audit
    return audit.model_copy(update={"accept": [*audit.accept, *corpus.accept], "skip": [*audit.skip, *corpus.skip]})


def _check_labels(fold: FoldData, manifest: pd.DataFrame, config: RunConfig) -> None:
    labelled = np.any([weight > 0 for weight in fold.weights.values()], axis=0)
    useless = sorted(set(config.corpora) - set(manifest["corpus"][labelled]))
    if useless and not config.only_tasks:
        raise UserError(
            f"no clip of {', '.join(useless)} has a label of {', '.join(fold.tasks)}; leave the corpus out, or name "
            f"its labels with tasks.TASK.labels.{useless[0]}.column=COLUMN"
        )
    missing = set(fold.tasks) - set(fold.scored_tasks(TEST))
    if missing:
        why = f" ({'; '.join(fold.notes)})" if fold.notes else ""
        raise UserError(f"no test clip has a label for {', '.join(sorted(missing))}{why}; choose another division")
    if not len(fold.positions(VALIDATION)) and config.training.early_stopping_patience:
        raise UserError("training.early_stopping_patience needs validation clips; raise split.validation_fraction")
    task, _, metric = config.training.monitor.partition(".")
    if metric and task not in fold.scored_tasks(VALIDATION):
        raise UserError(
            f"training.monitor={config.training.monitor}: no validation clip has a label for {task}, so no epoch could "
            "be chosen by it; raise split.validation_fraction, or watch another task, the mean or the loss"
        )


def _groups(manifest: pd.DataFrame, config: RunConfig) -> np.ndarray:
    """Names the group of each clip by its corpus's `split.group`; a clip without one is a group of its own."""
    groups = manifest["clip_id"].astype(object).copy()
    for name, corpus in config.corpora.items():
        column = (corpus.split or config.split).group
        rows = manifest["corpus"] == name
        if column in manifest:
            own = manifest.loc[rows, column]
            groups[own.index[own.notna()]] = name + "/" + own.dropna().astype(str)
    return groups.to_numpy()


def _joined_recordings(manifest: pd.DataFrame) -> pd.DataFrame:
    """Gives clips of different corpora that hold the same samples one recording; silent ones stay apart."""
    leaders = manifest[manifest["recording"] == manifest["clip_id"]]
    leaders = leaders[(leaders["audio_sha1"] != "") & (leaders["peak"] > 0)]
    first = leaders.groupby("audio_sha1", sort=False)["clip_id"].transform("first")
    joined = dict(zip(leaders["clip_id"], first, strict=True))
    return manifest.assign(recording=manifest["recording"].map(lambda name: joined.get(name, name)))
