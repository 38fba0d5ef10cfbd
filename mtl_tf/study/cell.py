"""A cell of a study: one training of a set of tasks, with one seed, on one fold."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mtl_tf.config import RunConfig, TaskConfig

NOISE_SEED = 100_000  # far from the seeds of a study, which count on by one
PERMUTED, NOISE, OVERLAP, CORPORA = "permuted", "noise", "overlap", "corpora"
_LONGEST_NAME = 150


@dataclass(frozen=True)
class Cell:
    """What is trained.

    Attributes:
        tasks: that are learned together, in the order of the experiment.
        seed: added to that of the experiment.
        fold: None where the experiment has one division.
        setting: arguments that this cell has beside those of the study, such as `model=gresnet`.
        permuted: the tasks whose labels are shuffled.
        noise: whether it is there to show what another seed does.
        left_out: task to classes whose clips it does not learn, since its partner names the same thing.
        corpora: whose clips train; empty: all.
    """

    tasks: tuple[str, ...]
    seed: int
    fold: int | None = None
    setting: tuple[str, ...] = ()
    permuted: tuple[str, ...] = ()
    noise: bool = False
    left_out: tuple[tuple[str, tuple[str, ...]], ...] = ()
    corpora: tuple[str, ...] = ()

    @property
    def control(self) -> str:
        """`permuted`, `noise`, `overlap` (classes are left out), `corpora` (some of them train), or empty."""
        kinds = {PERMUTED: self.permuted, NOISE: self.noise, OVERLAP: self.left_out, CORPORA: self.corpora}
        return next((kind for kind, present in kinds.items() if present), "")

    @property
    def changed(self) -> tuple[str, ...]:
        """The tasks whose own scores mean nothing: their labels are shuffled, or some are left out."""
        return (*self.permuted, *(task for task, _ in self.left_out))

    @property
    def name(self) -> str:
        """A name for its folder, no other cell's."""
        parts = ["+".join(self.tasks), *self.setting]
        parts += [f"shuffled-{'+'.join(self.permuted)}"] if self.permuted else []
        parts += ["another-seed"] if self.noise else []
        parts += [f"without-{task}-{'+'.join(classes)}" for task, classes in self.left_out]
        parts += [f"from-{'+'.join(self.corpora)}"] if self.corpora else []
        parts += [f"seed{self.seed}", *([] if self.fold is None else [f"fold{self.fold}"])]
        name = re.sub(r"[^\w.+=-]+", "-", "_".join(parts))
        if len(name) > _LONGEST_NAME or any(re.search(r"[^\w.+=-]", part) for part in parts):
            digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
            name = f"{name[:_LONGEST_NAME]}-{digest}"
        return name

    def config(self, base: RunConfig, runs_dir: str, steps_per_epoch: int | None) -> RunConfig:
        """Gives the configuration of the cell's run.

        Args:
            base: of a run of the cell's setting with all tasks.
            runs_dir: where its run folder goes.
            steps_per_epoch: batches per epoch; None: as the setting has it.
        """
        tasks = dict(base.tasks)
        for name in self.permuted:
            tasks[name] = tasks[name].model_copy(update={"permute_seed": base.seed + self.seed})
        for name, classes in self.left_out:
            tasks[name] = _without(tasks[name], classes)
        split = base.split.model_copy(update={"trained_corpora": list(self.corpora)}) if self.corpora else base.split
        training = base.training
        if steps_per_epoch is not None:
            training = training.model_copy(update={"steps_per_epoch": steps_per_epoch})
        whole = len(self.tasks) > 2 and set(self.tasks) == set(base.study.tasks or base.tasks)
        if whole and not self.control and self.seed == 0:  # once is enough, and it takes as long as the training
            training = training.model_copy(update={"affinity_every": base.study.affinity_every})
        watched = training.monitor.partition(".")[0]
        if watched in base.tasks and (watched not in self.tasks or watched in self.changed):
            training = training.model_copy(update={"monitor": "mean"})
        weights = {name: value for name, value in training.loss_weights.items() if name in self.tasks}
        return base.model_copy(
            update={
                "seed": base.seed + self.seed + NOISE_SEED * self.noise,
                "fold": self.fold,
                "only_tasks": [name for name in base.tasks if name in self.tasks],
                "tasks": tasks,
                "split": split,
                "training": training.model_copy(update={"loss_weights": weights}),
                "pipeline": base.pipeline.model_copy(
                    update={"keep_features": base.pipeline.keep_features is not False}
                ),
                "runs_dir": runs_dir,
                "repeats": 1,
                "published": [],
                "quiet": True,
                "resume": True,
                "score_test": True,
                "report_audio": False,
            }
        )


def _without(task: TaskConfig, classes: Sequence[str]) -> TaskConfig:
    """Takes the labels of some classes from a task."""
    labels = {}
    for corpus, options in task.labels.items():
        native = [name for name, known in options.map.items() if known in classes]
        native += [name for name in classes if name not in options.map]
        labels[corpus] = options.model_copy(update={"ignore": list(dict.fromkeys([*options.ignore, *native]))})
    return task.model_copy(update={"labels": labels})
