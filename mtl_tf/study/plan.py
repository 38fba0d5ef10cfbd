"""Which cells a study has."""

from collections.abc import Sequence
from itertools import combinations, product

from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.study.cell import NOISE, PERMUTED, Cell


def study_tasks(config: RunConfig) -> tuple[str, ...]:
    """Returns the tasks of a study, in the order of the experiment."""
    return tuple(name for name in config.tasks if name in (config.study.tasks or config.tasks))


def task_sets(config: RunConfig) -> list[tuple[str, ...]]:
    """Lists the sets of tasks that are learned, each once, the smaller ones first.

    Raises:
        UserError: a group names a task twice, or one that is not compared.
    """
    tasks, study = study_tasks(config), config.study
    sets: list[tuple[str, ...]] = []
    if "alone" in study.sets:
        sets += [(name,) for name in tasks]
    if "pairs" in study.sets:
        sets += list(combinations(tasks, 2))
    for group in study.groups:
        if set(group) - set(tasks) or len(set(group)) < len(group) or not group:
            raise UserError(f"study.groups: [{', '.join(group)}] must name some of {', '.join(tasks)}, each once")
        sets.append(tuple(name for name in tasks if name in group))
    if "all" in study.sets:
        sets.append(tasks)
    if not sets:
        raise UserError("study.sets and study.groups are empty, so there is nothing to train; give sets=[alone,pairs]")
    return sorted(dict.fromkeys(sets), key=len)


def plan_cells(
    config: RunConfig, folds: Sequence[int | None], settings: Sequence[tuple[str, ...]] = ((),)
) -> list[Cell]:
    """Lists the cells of a study.

    All cells of a seed stand before those of the next, so that a study that is stopped early compares whole seeds.

    Args:
        config: of a run with all tasks.
        folds: to train; `[None]` where there is one division.
        settings: arguments that cells differ in.

    Raises:
        UserError: see `task_sets`.
    """
    sets = task_sets(config)
    shapes: list[dict] = [{"tasks": tasks} for tasks in sets]
    alone = {tasks[0] for tasks in sets if len(tasks) == 1}
    if PERMUTED in config.study.controls:
        shapes += [
            {"tasks": tasks, "permuted": tuple(other for other in tasks if other != name)}
            for tasks in sets
            for name in tasks
            if len(tasks) > 1 and name in alone
        ]
    if NOISE in config.study.controls:
        shapes += [{"tasks": (name,), "noise": True} for name in study_tasks(config) if name in alone]
    return [
        Cell(**shape, seed=seed, fold=fold, setting=setting)
        for seed, shape, setting, fold in product(range(config.study.seeds), shapes, settings, folds)
    ]
