"""A cell of a study: one training of a set of tasks, with one seed, on one fold."""

import hashlib
import re
from dataclasses import dataclass

from mtl_tf.config import RunConfig

NOISE_SEED = 100_000  # far from the seeds of a study, which count on by one
PERMUTED, NOISE = "permuted", "noise"
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
    """

    tasks: tuple[str, ...]
    seed: int
    fold: int | None = None
    setting: tuple[str, ...] = ()
    permuted: tuple[str, ...] = ()
    noise: bool = False

    @property
    def control(self) -> str:
        """`permuted`, `noise`, or empty."""
        return PERMUTED if self.permuted else NOISE if self.noise else ""

    @property
    def name(self) -> str:
        """A name for its folder, no other cell's."""
        parts = ["+".join(self.tasks), *self.setting]
        parts += [f"shuffled-{'+'.join(self.permuted)}"] if self.permuted else []
        parts += ["another-seed"] if self.noise else []
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
        training = base.training
        if steps_per_epoch is not None:
            training = training.model_copy(update={"steps_per_epoch": steps_per_epoch})
        if len(self.tasks) > 2 and set(self.tasks) == set(base.study.tasks or base.tasks) and not self.control:
            training = training.model_copy(update={"affinity_every": base.study.affinity_every})
        watched = training.monitor.partition(".")[0]
        if watched in base.tasks and (watched not in self.tasks or watched in self.permuted):
            training = training.model_copy(update={"monitor": "mean"})
        weights = {name: value for name, value in training.loss_weights.items() if name in self.tasks}
        return base.model_copy(
            update={
                "seed": base.seed + self.seed + NOISE_SEED * self.noise,
                "fold": self.fold,
                "only_tasks": [name for name in base.tasks if name in self.tasks],
                "tasks": tasks,
                "training": training.model_copy(update={"loss_weights": weights}),
                "pipeline": base.pipeline.model_copy(update={"keep_features": True}),
                "runs_dir": runs_dir,
                "repeats": 1,
                "published": [],
                "quiet": True,
                "resume": True,
                "score_test": True,
                "report_audio": False,
            }
        )
