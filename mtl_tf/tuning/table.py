"""The trials of a session: `trials.csv` and `best.yaml`."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mtl_tf.files import write_whole
from mtl_tf.tables import write_table
from mtl_tf.tasks.metrics import METRICS, metric_title
from mtl_tf.tuning import names as files
from mtl_tf.tuning.session import Session
from mtl_tf.tuning.trial import COMPLETED, load_result

FIXED = ("trial", "status", "score", "seconds", "updates", "epochs", "run", "reason")


def read_results(session: Session) -> list[dict[str, Any]]:
    """Reads the results of all trials that have ended, in their order."""
    paths = (session.folder / files.RESULTS).glob("*.json")
    found = (load_result(path) for path in sorted(paths, key=lambda path: (int(path.stem), path.stem)))
    return [result for result in found if result is not None]


def best_trial(results: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the trial with the highest score, the first of several; None where no trial was completed."""
    completed = [result for result in results if result["status"] == COMPLETED]
    return max(completed, key=lambda result: result["score"], default=None)


def trials_table(session: Session, results: list[dict[str, Any]]) -> pd.DataFrame:
    """Lists all trials.

    Returns:
        One row per trial: `trial`, `status`, `score` (the objective, larger is better), the score of each task,
        `seconds`, `updates` (training steps), `epochs`, `run` (folders below the session's, with spaces between),
        `reason` (of a failure), and the searched keys with their values, empty where a key was not searched.
    """
    keys = list(dict.fromkeys(key for result in results for key in result["values"]))
    scores = {task: f"{task}_{metric}" for task, (metric, _) in session.objective.items()}
    rows = []
    for result in results:
        row = {name: result[name] for name in ("trial", "status", "score")}
        row |= {title: result["scores"].get(task) for task, title in scores.items()}
        row |= {"seconds": round(result["seconds"], 1)} | {name: result[name] for name in ("updates", "epochs")}
        row |= {"run": " ".join(result["runs"]), "reason": result["reason"]}
        rows.append(row | {key: result["values"].get(key) for key in keys})
    columns = [*FIXED[:3], *scores.values(), *FIXED[3:], *keys]
    return pd.DataFrame(rows, columns=columns)


def write_trials(session: Session) -> list[dict[str, Any]]:
    """Writes `trials.csv` and `best.yaml` anew.

    Returns:
        The results.
    """
    results = read_results(session)
    write_table(trials_table(session, results), session.folder / files.TRIALS)
    best = best_trial(results)
    if best is not None:
        values = {name: best[name] for name in ("trial", "score", "scores", "values", "arguments", "runs")}
        content = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        write_whole(session.folder / files.BEST, content.encode())
    return results


def score_text(metric: str, value: float) -> str:
    """Writes a score as people do: a share in per cent, a loss as it is.

    >>> score_text("uar", 0.5123), score_text("cross_entropy", 1.2345)
    ('51.2', '1.234')
    """
    return f"{100 * value:.1f}" if METRICS[metric].higher_is_better else f"{value:.3f}"


def score_words(session: Session, result: dict[str, Any]) -> str:
    """Writes the scores of a trial, as in "emotion UAR 51.2, speaker accuracy 96.0"."""
    parts = []
    for task, (metric, _) in session.objective.items():
        parts.append(f"{task} {metric_title(metric)} {score_text(metric, result['scores'][task])}")
    words = ", ".join(parts)
    return f"{words} (objective {100 * result['score']:.1f})" if len(parts) > 1 or session.search.relative_to else words


def run_folders(session: Session, result: dict[str, Any]) -> list[Path]:
    """Returns the run folders of a trial."""
    return [session.folder / run for run in result["runs"]]


def load_finish(folder: Path) -> dict[str, Any] | None:
    """Reads what opening the test split found; None where it was not opened."""
    path = folder / files.FINISHED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
