"""A search from its command line to its report: what `scripts/tune.py` does."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtl_tf.errors import UserError
from mtl_tf.progress import say
from mtl_tf.runs.walk import prepare
from mtl_tf.tuning.local import Search
from mtl_tf.tuning.report import write_report
from mtl_tf.tuning.search import SearchConfig, objective_title
from mtl_tf.tuning.session import open_session
from mtl_tf.tuning.table import best_trial, score_words, write_trials


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
    # Findings of the audit stop a search before its first trial, and all trials read what is decoded there.
    with open_session(search, arguments, parent, resume == "true", before=prepare) as session:
        say(
            f"{search.tuner} search over {len(session.dimensions)} keys, at most {search.trials} trials; raised is, on "
            f"validation clips: {objective_title(search)}"
        )
        trials = Search(session, int(workers))

        from mtl_tf.tuning import workers as several

        if several.is_chief():
            several.serve(trials)
        elif int(workers) > 1:
            several.run_workers(trials, int(workers))
        else:
            trials.run()
        results = write_trials(session)
        best = best_trial(results)
        if best is None:
            reason = results[-1]["reason"] if results else "the budget allows none"
            raise UserError(f"no trial was completed ({reason}); what they left is in {session.folder}")
        write_report(session)
        say(f"best: trial {int(best['trial'])} with {score_words(session, best)}: {' '.join(best['arguments'])}")
        say(f"next, to open the test split for it: python scripts/tune.py finish={session.folder}")
    return session.folder
