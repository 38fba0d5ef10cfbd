"""Puts folds that were trained as separate runs together into one cross-validation."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.data.manifest import TEST
from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.runs import names
from mtl_tf.runs.folder import NOT_COMPARED, new_folder, what_changed
from mtl_tf.runs.merge import merge_parts
from mtl_tf.runs.read import load_config, load_metrics

KEPT_APART = (names.CONFIG, names.ENVIRONMENT, names.LOCK, names.REPORT, names.AUDIT, names.CHECKPOINTS)


def gather_folds(runs: Sequence[Path]) -> Path:
    """Copies finished runs of single folds into the `folds` of a new run and merges them.

    Args:
        runs: folders of runs that differ in `fold` alone.

    Returns:
        The new folder, beside the first run; it lacks a report.

    Raises:
        UserError: a run is not finished, is of another configuration or other data, or a fold is there twice; or test
            clips of two folds are the same.
    """
    if len(runs) < 2:
        raise UserError("give at least two runs of single folds, such as runs/NAME/TIME runs/NAME/OTHER")
    configs = [load_config(run) for run in runs]
    numbers = _fold_numbers(runs, configs)
    divisions = [_division(run) for run in runs]
    fixed = [table.drop(columns=["split", "closed_set_only"]) for table in divisions]
    tested: set[str] = set()
    for run, table, same in zip(runs, divisions, fixed, strict=True):
        load_metrics(run)
        changed = what_changed(fixed[0], same)
        if changed:
            raise UserError(f"{run} has other data than {runs[0]}: {changed}; train it again")
        own = set(table.loc[(table["split"] == TEST) & ~table["closed_set_only"], "clip_id"])
        if own & tested:
            raise UserError(
                f"{run} tests {len(own & tested)} clips that another fold tests too, such as {min(own & tested)}"
            )
        tested |= own
    order = sorted(range(len(runs)), key=lambda place: numbers[place])
    folder = new_folder(runs[0].parent)
    for place in order:
        target = folder / names.PARTS[0] / str(numbers[place])
        shutil.copytree(runs[place], target, ignore=shutil.ignore_patterns(*KEPT_APART))
    for name in (names.ENVIRONMENT, names.AUDIT):
        shutil.copy(runs[order[0]] / name, folder / name)
    merge_parts(folder, "fold", [numbers[place] for place in order])
    untested = set(divisions[0]["clip_id"]) - tested
    if untested:
        metrics = load_metrics(folder)
        metrics["notes"].append(
            f"only folds {', '.join(str(numbers[place]) for place in order)} are here: {len(untested)} of "
            f"{len(divisions[0])} clips are tested by none of them, such as {min(untested)}"
        )
        print(f"note: {metrics['notes'][-1]}", file=sys.stderr)
        write_json(metrics, folder / names.METRICS)
    compose.save(configs[0].model_copy(update={"fold": None}), folder / names.CONFIG)
    return folder


def _fold_numbers(runs: Sequence[Path], configs: Sequence[RunConfig]) -> list[int]:
    wanted = configs[0].model_dump(exclude=NOT_COMPARED | {"fold": True})
    numbers = []
    for run, config in zip(runs, configs, strict=True):
        if config.fold is None:
            raise UserError(f"{run} is no run of a single fold; train each with fold=0, fold=1, ...")
        if config.fold in numbers:
            raise UserError(f"{run}: fold {config.fold} is there twice; give each fold once")
        found = config.model_dump(exclude=NOT_COMPARED | {"fold": True})
        differ = [key for key in wanted if wanted[key] != found[key]]
        if differ:
            raise UserError(f"{run} differs from {runs[0]} in {', '.join(differ)}; only the fold may differ")
        numbers.append(config.fold)
    return numbers


def _division(run: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(run / names.SPLITS)
    except (OSError, ValueError) as error:
        raise UserError(f"{run / names.SPLITS} cannot be read: {error}") from error
