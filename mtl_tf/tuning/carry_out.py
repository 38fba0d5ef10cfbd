"""A search from its command line to its report: what `scripts/tune.py` does."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from mtl_tf.config import RunConfig
from mtl_tf.errors import UserError
from mtl_tf.progress import say
from mtl_tf.runs.walk import prepare
from mtl_tf.tuning.chief import hand_out, is_chief, serve
from mtl_tf.tuning.dimensions import read_dimensions
from mtl_tf.tuning.finish import finish
from mtl_tf.tuning.help import KEYS
from mtl_tf.tuning.local import Search
from mtl_tf.tuning.oracles import check_hyperband
from mtl_tf.tuning.report import write_report
from mtl_tf.tuning.search import SearchConfig, check_objective, objective_title, read_search
from mtl_tf.tuning.session import open_session
from mtl_tf.tuning.space import hyperparameters
from mtl_tf.tuning.table import best_trial, score_words, write_trials
from mtl_tf.tuning.trial import single_scores
from mtl_tf.tuning.worker import work
from mtl_tf.tuning.workers import Workers
from mtl_tf.values import read_arguments


def answer(arguments: Sequence[str]) -> Path | None:
    """Does what a command line asks for.

    Args:
        arguments: of a search; or `finish=DIR` with `repeats=N`; or `worker=DIR`.

    Returns:
        The folder of the search; None for a worker.

    Raises:
        UserError: a mistake in the arguments, or see what it does.
    """
    given = {argument.partition("=")[0].removeprefix("--") for argument in arguments}
    if not given & {"finish", "worker"}:
        return tune(*read_search(arguments, KEYS))
    values, _ = read_arguments(arguments, ["finish", "worker", "repeats"])
    if "finish" in values:
        return finish(Path(values["finish"]), values.get("repeats", "3"))
    work(Path(values["worker"]))
    return None


def tune(search: SearchConfig, arguments: Sequence[str], keys: Mapping[str, str]) -> Path:
    """Carries out a search, or carries on one that was interrupted.

    Args:
        search: what is searched.
        arguments: of every run.
        keys: `workers`, `tuning_dir` and `resume` as typed.

    Returns:
        The session's folder, with the files that `mtl_tf.tuning.names` names.

    Raises:
        UserError: a mistake in the search or the runs; or no trial was completed.
    """
    workers, resume = keys.get("workers", "1"), keys.get("resume", "true")
    if not workers.isdecimal() or not int(workers):
        raise UserError(f"workers={workers}: give a whole number above 0")
    if resume not in ("true", "false"):
        raise UserError(f"resume={resume}: give true or false")
    parent = Path(keys.get("tuning_dir", "tuning")).expanduser()
    count = 0 if is_chief() or int(workers) == 1 else int(workers)
    with (
        Workers(count) as local,
        open_session(search, arguments, parent, resume == "true", before=_checked(search)) as session,
    ):
        searched = dict.fromkeys(dimension.name for dimension in session.dimensions)
        say(
            f"{search.tuner} search over {', '.join(searched)}; at most {search.trials} trials; raised is, on "
            f"validation clips: {objective_title(search)}"
        )
        trials = Search(session, int(workers))
        if count or is_chief():
            with redirect_stdout(sys.stderr):  # keras-tuner's chief prints the values of conditions
                hand_out(trials, local) if count else serve(trials)
        else:
            trials.run()
        results = write_trials(session)
        if len(results) < search.trials and trials.spent():
            say(f"the budget of the search is used up after {len(results)} trials")
        best = best_trial(results)
        if best is None:
            reason = results[-1]["reason"] if results else "the budget allows none"
            raise UserError(f"no trial was completed ({reason}); what they left is in {session.folder}")
        write_report(session)
        say(f"best: trial {int(best['trial'])} with {score_words(session, best)}: {' '.join(best['arguments'])}")
        say(f"next, to open the test split for it: python scripts/tune.py finish={session.folder}")
    return session.folder


def _checked(search: SearchConfig) -> Callable[[RunConfig], None]:
    """Gives what is to be checked before the folder of a search is made."""

    def check(config: RunConfig) -> None:
        objective = check_objective(search, config)
        if search.relative_to:
            single_scores(search, objective)
        if search.tuner == "hyperband":
            check_hyperband(search, hyperparameters(read_dimensions(search.space)), config.training.epochs)
        if search.over == "folds" and (search.executions_per_trial == 1 or config.fold is not None):
            raise UserError("over=folds needs executions_per_trial=2 or more, and no fold=")
        # Findings of the audit stop a search before its first trial, and all trials read what is decoded here.
        folds = prepare(config).numbers
        if search.over == "folds" and search.executions_per_trial > len(folds):
            raise UserError(
                f"over=folds executions_per_trial={search.executions_per_trial}: {config.experiment} has {len(folds)} "
                f"fold{'s' if len(folds) > 1 else ''}; give over=seeds, or fewer"
            )
        if len(folds) > 1 and config.repeats == 1:
            say(
                "note: test clips of one fold are training clips of another, so the winner is chosen by all clips of "
                "the experiment; give fold=0 to keep the test clips of that fold apart"
            )

    return check
