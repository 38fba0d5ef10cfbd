"""Opens the test split for the winner of a search, once, and asks how much of its lead was luck."""

from pathlib import Path
from typing import Any

from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.progress import say
from mtl_tf.reporting.report import write_report as write_run_report
from mtl_tf.runs import names
from mtl_tf.runs.read import load_metrics
from mtl_tf.runs.walk import walk
from mtl_tf.tasks.metrics import SCORED, metric_title
from mtl_tf.tuning import names as files
from mtl_tf.tuning.experiment_file import write_experiment
from mtl_tf.tuning.report import describe_finish, write_report
from mtl_tf.tuning.search import objective_title
from mtl_tf.tuning.session import Session, locked_session
from mtl_tf.tuning.table import best_trial, load_finish, write_trials
from mtl_tf.tuning.trial import execution_config
from mtl_tf.tuning.validation import validation_scores

FRESH_SEED = 1000  # far from the seeds that a search uses
WINNER, DEFAULT = "winner", "default"


def finish(folder: Path, repeats: str = "3") -> Path:
    """Scores the winner on test clips, and trains it and the experiment without searched values from fresh seeds.

    Args:
        folder: of the search.
        repeats: how many fresh seeds, as typed.

    Returns:
        The folder, with `best_experiment.yaml`, `finish.json`, a report that shows both, and the runs in `finish/`. A
        search that is finished already stays as it is.

    Raises:
        UserError: no trial was completed, or a number of repeats below 2.
    """
    if not repeats.isdecimal() or int(repeats) < 2:
        raise UserError(f"repeats={repeats}: give a whole number of at least 2, as one seed says nothing of luck")
    with locked_session(folder) as session:
        if (folder / files.FINISHED).is_file():
            say(f"{folder} is finished already, and repeats= changes nothing; its report shows the scores")
            return folder
        best = best_trial(write_trials(session))
        if best is None:
            raise UserError(f"{folder}: no trial was completed; carry the search on")
        # From here on the search goes on no more, also if this process is killed.
        write_json({"trial": best["trial"]}, folder / files.OPENED)
        config = _winner_config(session, best)
        remark = (
            f"Winner of {len(list((folder / files.RESULTS).glob('*.json')))} trials ({session.search.tuner}) from "
            f"experiment={session.config.experiment}: {objective_title(session.search)} of {best['score']:.4f} on "
            "validation clips."
        )
        by_seed = len(best["runs"]) if session.search.over == "seeds" else 1
        write_experiment(config.model_copy(update={"repeats": by_seed}), remark, folder / files.BEST_EXPERIMENT)
        say(f"scoring trial {int(best['trial'])} on the test clips")
        own = [_scored(_own_config(session, best, number)) for number in range(len(best["runs"]))]
        groups: dict[str, list[Path]] = {WINNER: [], DEFAULT: []}
        for number in range(int(repeats)):
            for name, start in ((WINNER, config), (DEFAULT, session.config)):
                say(f"{name} from fresh seed {number + 1} of {repeats}")
                groups[name].append(_scored(_fresh_config(session, name, start, number)))
        write_json(
            {
                "trial": best["trial"],
                "metrics": _metrics(session),
                "search_scores": _search_scores(session, best),
                "search_score": best["score"],
                "single_test": _single_scores(session),
                "own_test": [_test_scores(session, run) for run in own],
                "own_runs": [str(run.relative_to(folder)) for run in own],
                **{name: [_both(session, run) for run in runs] for name, runs in groups.items()},
            },
            folder / files.FINISHED,
        )
        write_report(session)
        for row in describe_finish(load_finish(folder)):
            score, default, gain, low, high = (100 * row[key] for key in ("test", "default", "gain", "low", "high"))
            say(
                f"{row['task']} {metric_title(row['metric'])} on test clips: winner {score:.1f}, without search "
                f"{default:.1f}, gain {gain:.1f} [{low:.1f}, {high:.1f}]; {row['words']}"
            )
        say(
            "to train the winner as an experiment: mkdir -p my_configs/experiment; "
            f"cp {folder / files.BEST_EXPERIMENT} my_configs/experiment/tuned.yaml; "
            "python scripts/train.py experiment=tuned config_dir=my_configs"
        )
    return folder


def _winner_config(session: Session, best: dict[str, Any]) -> RunConfig:
    limit = [f"training.stop_after_epoch={best['limit']}"] if best["limit"] else []
    return session.compose(*best["arguments"], *limit)


def _own_config(session: Session, best: dict[str, Any], number: int) -> RunConfig:
    """Gives the configuration that carries on a run of the winner to its test clips."""
    place = session.folder / files.RUNS / f"{best['trial']}-{number}"
    config = execution_config(session, number, place, best["arguments"], best["limit"])
    return config.model_copy(update={"score_test": True, "quiet": False})


def _fresh_config(session: Session, name: str, config: RunConfig, number: int) -> RunConfig:
    place = session.folder / files.FINISH / f"{name}-{number}"
    changes = {"seed": session.config.seed + FRESH_SEED + number, "runs_dir": str(place), "repeats": 1}
    return config.model_copy(update={**changes, "score_test": True, "quiet": False})


def _scored(config: RunConfig) -> Path:
    """Carries a run to its test scores, or finds it where that has been done."""
    done = sorted(Path(config.runs_dir).glob(f"*/*/{names.REPORT}"))
    return done[0].parent if done else walk(config, write_run_report)


def _metrics(session: Session) -> dict[str, str]:
    """Task to metric as the objective names them, or the main one where test clips have no such score."""
    main = session.config.main_metrics()
    return {task: metric if metric in SCORED else main[task] for task, (metric, _) in session.objective.items()}


def _single_scores(session: Session) -> dict[str, float]:
    """Reads what the single-task runs scored on test clips; nothing of those whose test clips were not scored."""
    found: dict[str, list[float]] = {}
    for folder in session.search.relative_to:
        if (Path(folder) / names.METRICS).is_file():
            scores = load_metrics(Path(folder))["test"]
            for task, metric in _metrics(session).items():
                found.setdefault(task, []).extend([float(scores[task][metric])] if task in scores else [])
    return {task: sum(values) / len(values) for task, values in found.items() if values}


def _search_scores(session: Session, best: dict[str, Any]) -> dict[str, float]:
    return {
        task: sum(outcome["scores"][task][metric] for outcome in best["executions"]) / len(best["executions"])
        for task, metric in _metrics(session).items()
    }


def _test_scores(session: Session, run: Path) -> dict[str, float]:
    scores = load_metrics(run)["test"]
    return {task: float(scores[task][metric]) for task, metric in _metrics(session).items()}


def _both(session: Session, run: Path) -> dict[str, Any]:
    validation = validation_scores(run)
    return {
        "run": str(run.relative_to(session.folder)),
        "validation": {task: validation[task][metric] for task, metric in _metrics(session).items()},
        "test": _test_scores(session, run),
    }
