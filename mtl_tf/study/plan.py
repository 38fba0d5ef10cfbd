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
    if not sets and not study.corpora:
        raise UserError(
            f"there is nothing to train of {', '.join(tasks)} with study.sets=[{','.join(study.sets)}]; give "
            "sets=[alone,pairs]"
        )
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
        UserError: see `task_sets`; an overlap that cannot be left out; no task that several corpora carry.
    """
    sets = task_sets(config)
    shapes: list[dict] = [{"tasks": tasks} for tasks in sets]
    if len(settings) == 1 and not config.study.corpora and len(study_tasks(config)) < 2:
        raise UserError(
            f"a study compares two tasks or more, and there is {', '.join(study_tasks(config))} alone; give task=[...] "
            "more, corpora=[alone,pooled], or a key several values, as in model=compact_cnn,crnn"
        )
    alone = {tasks[0] for tasks in sets if len(tasks) == 1}
    if sets and not alone and len(settings) == 1:
        raise UserError(
            "study.sets: tasks together are compared with each task alone; add alone, as in sets=[alone,pairs]"
        )
    if PERMUTED in config.study.controls:
        shapes += [
            {"tasks": tasks, "permuted": tuple(other for other in tasks if other != name)}
            for tasks in sets
            for name in tasks
            if len(tasks) > 1 and name in alone
        ]
    shapes += _without_overlaps(config, sets) + _of_corpora(config)
    if NOISE in config.study.controls:
        shapes += [{"tasks": (name,), "noise": True} for name in study_tasks(config) if name in alone]
    return [
        Cell(**shape, seed=seed, fold=fold, setting=setting)
        for seed, setting, shape, fold in product(range(config.study.seeds), settings, shapes, folds)
    ]


def corpora_of(config: RunConfig, task: str) -> tuple[str, ...]:
    """Returns the corpora of a run that carry a task."""
    return tuple(name for name in config.corpora if name in config.tasks[task].labels)


def _without_overlaps(config: RunConfig, sets: Sequence[tuple[str, ...]]) -> list[dict]:
    shapes, tasks = [], study_tasks(config)
    for task, partners in config.study.overlaps.items():
        for partner, classes in partners.items():
            key = f"study.overlaps.{task}.{partner}"
            unknown = [name for name in (task, partner) if name not in config.tasks]
            if unknown:
                raise UserError(f"{key}: there is no task {unknown[0]}; the tasks are {', '.join(config.tasks)}")
            if task not in tasks or partner not in tasks or task == partner:
                raise UserError(f"{key}: give two of the tasks that are compared, which are {', '.join(tasks)}")
            asked = config.tasks[partner]
            if not asked.exclusive or asked.of_frames:
                raise UserError(f"{key}: classes can be left out of a task with one class per clip alone")
            foreign = [name for name in classes if asked.classes is not None and name not in asked.classes]
            if foreign or not classes:
                known = "" if asked.classes is None else f", which are {', '.join(asked.classes)}"
                raise UserError(f"{key}={classes}: give some of the classes of {partner}{known}")
            if asked.classes is not None and len(set(asked.classes) - set(classes)) < 2:
                raise UserError(f"{key}={classes}: at least two classes of {partner} must be left")
            pair = tuple(name for name in tasks if name in (task, partner))
            if pair not in sets or (task,) not in sets:
                raise UserError(f"{key}: neither the pair nor the task alone may be missing; give sets=[alone,pairs]")
            shapes.append({"tasks": pair, "left_out": ((partner, tuple(classes)),)})
    return shapes


def _of_corpora(config: RunConfig) -> list[dict]:
    shapes, kinds = [], config.study.corpora
    for task in study_tasks(config):
        corpora = corpora_of(config, task)
        if len(corpora) < 2 or config.tasks[task].closed_set:  # speakers of one corpus are in no other
            continue
        if config.tasks[task].classes is None:
            raise UserError(
                f"study.corpora: name the classes of {task} with tasks.{task}.classes=[...], as a corpus may lack some"
            )
        parts = [(name,) for name in corpora] if "alone" in kinds else []
        parts += [corpora] if "pooled" in kinds else []
        if "left_out" in kinds:  # of two corpora that is the other one alone
            parts += [tuple(name for name in corpora if name != other) for other in corpora]
        shapes += [{"tasks": (task,), "corpora": part} for part in dict.fromkeys(parts)]
    if kinds and not shapes:
        raise UserError(
            "study.corpora asks for a task that several corpora carry, and that is not closed-set; there is none"
        )
    return shapes
