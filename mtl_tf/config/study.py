"""The keys of a study, which compares tasks learned alone and together."""

from typing import Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mtl_tf.config.section import Section


class StudyConfig(Section):
    """What `scripts/compare.py` trains and compares."""

    tasks: list[str] = Field([], description="tasks to compare, alone and together; empty: all of the experiment")
    sets: list[Literal["alone", "pairs", "all"]] = Field(
        ["alone", "pairs", "all"], description="which sets of tasks are trained: each alone, every pair, all together"
    )
    groups: list[list[str]] = Field([], description="further sets of tasks, such as [[emotion,gender,speaker]]")
    seeds: PositiveInt = Field(
        5, description="trainings of every set; seeds count on from seed; more can be added later"
    )
    folds: list[int] = Field([], description="folds of the division to train, counted from 0; empty: all of them")
    controls: list[Literal["permuted", "noise"]] = Field(
        ["permuted", "noise"],
        description="permuted: each set again with the partners' labels shuffled; noise: each task alone again with "
        "another seed; a gain counts as transfer only beyond both",
    )
    controlled: Literal["all", "gains"] = Field(
        "all",
        description="which sets the control permuted is trained for: all; gains: those by which a task gains more than "
        "chance explains, as it decides nothing elsewhere",
    )
    overlaps: dict[str, dict[str, list[str]]] = Field(
        {},
        description="task to partner to classes of the partner that name what the task names, too: each such pair is "
        "learned again without the partner's clips of these classes, as {keyword: {digit: ['0', '1']}}",
    )
    corpora: list[Literal["alone", "pooled", "left_out"]] = Field(
        [],
        description="of each task that several corpora carry: learn it from each corpus alone, from all together, and "
        "from all but one, and test it on each",
    )
    budget: Literal["epochs", "updates", "clips"] = Field(
        "epochs",
        description="what all cells have in common: epochs, so that every clip is seen as often; updates, as many "
        "training steps as all tasks together take; clips, as many clips in all, whatever the batch size",
    )
    affinity_every: PositiveInt | None = Field(
        20,
        description="training steps between two measurements of how tasks get along, with the first seed, where all of "
        "three or more are learned together; null: none",
    )
    same_within: PositiveFloat = Field(
        0.01, lt=1, description="a gain between minus and plus this counts as no difference in practice (0.01: a point)"
    )
    workers: PositiveInt = Field(2, description="cells trained at the same time, each on its share of the cores")
    executor: Literal["local", "slurm"] = Field(
        "local", description="where cells are trained: in processes of this machine, or in jobs of Slurm (submitit)"
    )
    slurm: dict[str, Any] = Field(
        {},
        description="of executor=slurm: parameters of submitit, as {slurm_partition: main, cpus_per_task: 4, "
        "timeout_min: 240}; workers= is the number of jobs at a time",
    )
