"""Carries out one trial: ordinary runs, each in a process of its own, and the mean of their validation scores."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mtl_tf import compose
from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.parent import child_environment
from mtl_tf.progress import progress_bar, say
from mtl_tf.runs import names
from mtl_tf.tuning import execution
from mtl_tf.tuning import names as files
from mtl_tf.tuning.search import SearchConfig, signed
from mtl_tf.tuning.session import Session
from mtl_tf.tuning.space import as_arguments
from mtl_tf.tuning.validation import validation_scores

COMPLETED, FAILED = "completed", "failed"
# keras-tuner's names for the trial that hyperband carries on, from which epoch and how far
EARLIER, BEGIN, EPOCHS = "tuner/trial_id", "tuner/initial_epoch", "tuner/epochs"
_PAUSE_S = 0.2
_QUIET_S = 60  # between two lines where standard error is no terminal
_WORDS = 300  # letters of a reason


def run_trial(session: Session, trial: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Trains and validates every run of a trial, or reads what they left if they were done before.

    Args:
        session: of the trial.
        trial: its name.
        values: what the oracle chose.

    Returns:
        What `results/TRIAL.json` holds: `status` (`completed` or `failed`), `reason`, `score`, `scores` of each task,
        `seconds`, `updates`, `epochs`, `runs` and `values`.

    Raises:
        UserError: clips, labels or the division are no longer those of the trials before.
    """
    path = session.folder / files.RESULTS / f"{trial}.json"
    arguments = as_arguments(values, session.dimensions)
    known = load_result(path)
    if known is not None and known["arguments"] == arguments and known["earlier"] == values.get(EARLIER):
        return known
    result: dict[str, Any] = {
        "trial": trial,
        "status": COMPLETED,
        "reason": "",
        "arguments": arguments,
        "earlier": values.get(EARLIER),
        "limit": values.get(EPOCHS),
        "values": _typed(arguments),
        "runs": [],
        "executions": [],
    }
    for number in range(session.search.executions_per_trial):
        place = session.folder / files.RUNS / f"{trial}-{number}"
        config = execution_config(session, number, place, arguments, values.get(EPOCHS))
        if values.get(EARLIER) and not any(place.glob(f"*/*/{names.CONFIG}")):
            _copy_run(session.folder / files.RUNS / f"{values[EARLIER]}-{number}", place, config)
        outcome = _execute(place, config, int(values.get(BEGIN, 0)))
        result["runs"].append(outcome.pop("run", str(place.relative_to(session.folder))))
        result["executions"].append(outcome)
        if outcome.get("reason"):
            result |= {"status": FAILED, "reason": outcome["reason"]}
            break
    _check_data(session, result["executions"])
    result |= _summary(session, result["executions"], result["status"])
    write_json(result, path)
    return result


def load_result(path: Path) -> dict[str, Any] | None:
    """Reads the result of a trial; None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def execution_config(
    session: Session, number: int, place: Path, arguments: list[str], epochs: int | None = None
) -> RunConfig:
    """Gives the configuration of one run of a trial.

    Args:
        session: of the trial.
        number: of the run: its seed counts on from that of the experiment, or it takes the fold of this number.
        place: folder it writes to.
        arguments: what the trial sets.
        epochs: after how many to stop for now, with the learning rates of all; None: after all.
    """
    key = f"fold={number}" if session.search.over == "folds" else f"seed={session.config.seed + number}"
    own = [key] if session.search.executions_per_trial > 1 else []
    limit = [] if epochs is None else [f"training.stop_after_epoch={epochs}"]
    return session.compose(*arguments, *own, *limit, f"runs_dir={place}")


def _copy_run(source: Path, place: Path, config: RunConfig) -> None:
    """Copies a run that hyperband carries on, so that the shorter one stays what it was."""
    (found,) = source.glob(f"*/*/{names.CONFIG}")
    staged = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(staged, ignore_errors=True)
    copy = staged / found.parent.relative_to(source)
    shutil.copytree(found.parent, copy, ignore=shutil.ignore_patterns(names.LOCK))
    compose.save(config, copy / names.CONFIG)
    shutil.rmtree(place, ignore_errors=True)
    staged.rename(place)


def _execute(place: Path, config: RunConfig, begin: int) -> dict[str, Any]:
    """Runs a configuration in a process of its own; a run that fails is one with a `reason`."""
    result = place / files.RESULT
    known = load_result(result)
    if known is not None and "seconds" in known and compose.load(place / files.EXECUTION) == config:
        return known
    place.mkdir(parents=True, exist_ok=True)
    result.unlink(missing_ok=True)
    compose.save(config, place / files.EXECUTION)
    start = time.monotonic()
    with (place / files.LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", execution.__name__, str(place), str(begin)],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = _wait(process, place, config)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    seconds = time.monotonic() - start
    outcome = load_result(result) or {"reason": _reason(code, place / files.LOG), **_spent(place, config, begin)}
    outcome |= {"seconds": seconds}  # last: without it a kill came between, and the run is looked at again
    write_json(outcome, result)
    return outcome


def _spent(place: Path, config: RunConfig, begin: int) -> dict[str, int]:
    """Counts what a run that failed has cost."""
    folders = [path.parent for path in place.glob(f"*/*/{names.CONFIG}")]
    return execution.count_updates(folders[0], config, begin) if folders else {}


def _wait(process: subprocess.Popen, place: Path, config: RunConfig) -> int:
    """Waits for a run, and shows its epochs where somebody looks on, or a line now and then."""
    last = config.training.stop_after_epoch or config.training.epochs
    start = time.monotonic()
    with progress_bar("  epoch", last, quiet=False) as update:
        while (code := process.poll()) is None:
            time.sleep(_PAUSE_S)
            done = sum(max(len(path.read_bytes().splitlines()) - 1, 0) for path in place.rglob(names.HISTORY))
            update(done)
            if time.monotonic() - start > _QUIET_S and not sys.stderr.isatty():
                say(f"    epoch {done} of {last}")
                start = time.monotonic()
    return code


def _reason(code: int, log: Path) -> str:
    if code == -signal.SIGKILL:
        return "it was killed, as the system does where memory runs out"
    if code < 0:
        return f"it ended by signal {-code} ({signal.Signals(-code).name})"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ")[:_WORDS] if lines else f"it ended with exit code {code}"


def _check_data(session: Session, executions: list[dict[str, Any]]) -> None:
    """Refuses to compare trials of different data.

    Raises:
        UserError: see `run_trial`.
    """
    if not session.same_data:
        return
    for path in sorted((session.folder / files.RESULTS).glob("*.json")):
        earlier = load_result(path) or {"executions": []}
        for one, other in zip(earlier["executions"], executions, strict=False):
            if one.get("data") and other.get("data") and one["data"] != other["data"]:
                raise UserError(
                    f"clips, labels or the division are no longer those of trial {int(path.stem)}; bring them back, or "
                    "give resume=false for a new search"
                )


def _summary(session: Session, executions: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """Adds up what the runs of a trial cost, and takes the mean of their scores."""
    summary: dict[str, Any] = {
        "seconds": sum(outcome["seconds"] for outcome in executions),
        "updates": sum(outcome.get("updates", 0) for outcome in executions),
        "epochs": max((outcome.get("epochs", 0) for outcome in executions), default=0),
        "score": None,
        "scores": {},
    }
    if status != COMPLETED:
        return summary
    objective = session.objective
    for task, (metric, _) in objective.items():
        values = [outcome["scores"][task][metric] for outcome in executions]
        summary["scores"][task] = sum(values) / len(values)
    if session.search.relative_to:
        singles = single_scores(session.search, objective)
        gains = [signed(objective[task][0], summary["scores"][task] - single) for task, single in singles.items()]
        return summary | {"score": min(gains)}
    parts = [weight * signed(metric, summary["scores"][task]) for task, (metric, weight) in objective.items()]
    return summary | {"score": sum(parts)}


def single_scores(search: SearchConfig, objective: Mapping[str, tuple[str, float]]) -> dict[str, float]:
    """Reads the validation scores of the single-task runs that a search compares with.

    Args:
        search: that names the runs.
        objective: task to metric and weight.

    Raises:
        UserError: a run that is none, or a task without one.
    """
    found: dict[str, list[float]] = {}
    for folder in search.relative_to:
        try:
            scores_of = validation_scores(Path(folder))
        except UserError as error:
            raise UserError(f"relative_to={folder}: {error}") from error
        for task, scores in scores_of.items():
            if task in objective:
                found.setdefault(task, []).append(scores[objective[task][0]])
    missing = set(objective) - set(found)
    if missing:
        raise UserError(f"relative_to names no run of {', '.join(sorted(missing))}; give one of each task, with commas")
    return {task: sum(values) / len(values) for task, values in found.items()}


def _typed(arguments: list[str]) -> dict[str, Any]:
    """Gives the searched keys with their values, as the table lists them."""
    found: dict[str, Any] = {}
    for argument in arguments:
        key, _, text = argument.partition("=")
        value = yaml.safe_load(text)
        found |= {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: text}
    return {key: str(value) for key, value in found.items()}
