"""The report of a search, as one self-contained HTML page."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from scipy import stats

from mtl_tf.files import write_whole
from mtl_tf.reporting.words import percent
from mtl_tf.tasks.metrics import metric_title
from mtl_tf.tuning import figures
from mtl_tf.tuning import names as files
from mtl_tf.tuning.importance import key_importance
from mtl_tf.tuning.search import objective_title
from mtl_tf.tuning.session import Session
from mtl_tf.tuning.table import best_trial, load_finish, read_results, score_text
from mtl_tf.tuning.trial import COMPLETED

_TOP = 10


def write_report(session: Session) -> Path:
    """Writes `report.html` from the results of a session.

    It says what was searched, which trial is best, how much of its lead is luck once the test split is opened, which
    key matters as far as the trials can tell, and what failed.

    Args:
        session: with at least one completed trial.

    Returns:
        The page's path.
    """
    results = read_results(session)
    completed = [result for result in results if result["status"] == COMPLETED]
    best = best_trial(results)
    keys = list(dict.fromkeys(key for result in completed for key in result["values"]))
    values = pd.DataFrame([result["values"] for result in completed], columns=keys)
    scores = np.array([result["score"] for result in completed])
    importance = key_importance(
        values.assign(**{"epochs trained": [row["epochs"] for row in completed]}),
        scores,
        groups=values.astype(str).agg("|".join, axis=1).to_numpy(object),
    )
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("mtl_tf", "tuning"), PackageLoader("mtl_tf", "reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"percent": percent, "metric_title": metric_title}
    metrics = {task: metric for task, (metric, _) in session.objective.items()}
    page = environment.get_template("report.html.j2").render(
        experiment=session.config.experiment,
        folder=session.folder,
        search=session.search,
        objective=objective_title(session.search),
        metrics=metrics,
        best_scores={task: score_text(metrics[task], value) for task, value in best["scores"].items()},
        num_trials=len(results),
        completed=completed,
        failed=[result for result in results if result["status"] != COMPLETED],
        minutes=round(sum(result["seconds"] for result in results) / 60, 1),
        best=best,
        finish=describe_finish(load_finish(session.folder)),
        progress=_inline(figures.progress(pd.DataFrame(completed))),
        importance=importance,
        bars=_inline(figures.importance_bars(importance.values)) if importance.values else "",
        lines=_inline(figures.parallel_coordinates(values, scores)),
        keys=keys,
        top=sorted(completed, key=lambda result: -result["score"])[:_TOP],
        space=session.dimensions,
        arguments=session.arguments,
    )
    path = session.folder / files.REPORT
    write_whole(path, page.encode(errors="backslashreplace"))
    return path


def describe_finish(found: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Compares the winner with the experiment as it is, over fresh seeds.

    Args:
        found: what `finish.json` holds; None: nothing yet.

    Returns:
        One row per task: `metric` (its main one), `search` (its validation score in the search), `validation`, `own`,
        `test`, `default` (means), `gain` on test clips with `low` and `high` (95 %, paired t-test over seeds), `n` and
        `words`.
    """
    rows: list[dict[str, Any]] = []
    for task in found["search_scores"] if found else ():
        winner, default = ([run["test"][task] for run in found[name]] for name in ("winner", "default"))
        validation = float(np.mean([run["validation"][task] for run in found["winner"]]))
        difference = np.subtract(winner, default)
        gain, low, high = float(difference.mean()), float(difference.min()), float(difference.max())
        if np.ptp(difference) > 0:
            interval = stats.ttest_rel(winner, default).confidence_interval()
            low, high = float(interval.low), float(interval.high)
        luck = found["search_scores"][task] - validation
        verdict = "better than" if low > 0 else "worse than" if high < 0 else "not shown to differ from"
        rows.append(
            {
                "task": task,
                "metric": found["metrics"][task],
                "search": found["search_scores"][task],
                "validation": validation,
                "own": float(np.mean([scores[task] for scores in found["own_test"]])),
                "test": float(np.mean(winner)),
                "default": float(np.mean(default)),
                "gain": gain,
                "low": low,
                "high": high,
                "n": len(winner),
                "words": f"{task}: from fresh seeds the winner is {verdict} the experiment without search; "
                + (
                    f"{100 * luck:.1f} points of its validation score in the search were luck of its seed."
                    if luck > 0
                    else "its validation score in the search was no higher than from fresh seeds."
                )
                + (
                    f" On test clips the task alone had {100 * found['single_test'][task]:.1f}, the winner "
                    f"{100 * np.mean(winner):.1f}."
                    if task in found.get("single_test", {})
                    else ""
                ),
            }
        )
    return rows


def _inline(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"
