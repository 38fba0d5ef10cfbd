"""Carries out a search: trial by trial in this process, or as keras-tuner's chief with workers."""

import math
from collections.abc import Callable
from typing import Any

from mtl_tf.errors import UserError
from mtl_tf.progress import say
from mtl_tf.tuning import names as files
from mtl_tf.tuning.oracles import make_oracle
from mtl_tf.tuning.session import Session
from mtl_tf.tuning.space import as_arguments, hyperparameters
from mtl_tf.tuning.table import best_trial, read_results, score_words, write_trials
from mtl_tf.tuning.tensorboard import write_hparams
from mtl_tf.tuning.trial import COMPLETED
from mtl_tf.tuning.tuner import RunTuner

FAILURES = 3


class Search:
    """A search that goes on here.

    Args:
        session: of the search, locked.
        workers: how many carry out trials at the same time.
        tell: is given lines for the user.
    """

    def __init__(self, session: Session, workers: int = 1, tell: Callable[[str], None] = say) -> None:
        self.session, self.workers, self.tell = session, workers, tell
        self.failed_at_first: int | None = 0  # None once a trial of this start was completed
        self.oracle = make_oracle(
            session.search,
            hyperparameters(session.dimensions),
            session.config.training.epochs,
            session.folder / files.ORACLE,
        )
        self.oracle.spent = self.spent

    def spent(self) -> bool:
        """Says whether the trials so far have used up the minutes or updates of the search."""
        limits, results = self.session.search, read_results(self.session)
        minutes = sum(result["seconds"] for result in results) / 60
        updates = sum(result["updates"] for result in results)
        return minutes >= (limits.minutes or math.inf) or updates >= (limits.updates or math.inf)

    def run(self) -> None:
        """Carries out trials, one after the other, until the search ends."""
        RunTuner(self.oracle, self.session, self.begun, self.ended).search()

    def begun(self, trial: str, values: dict[str, Any]) -> None:
        """Says which trial begins."""
        epochs = f"; {values['tuner/epochs']} epochs" if "tuner/epochs" in values else ""
        earlier = f", carrying on trial {int(values['tuner/trial_id'])}" if values.get("tuner/trial_id") else ""
        words = ", ".join(as_arguments(values, self.session.dimensions))
        self.tell(f"trial {int(trial)}{self._of(int(trial))}: {words}{epochs}{earlier}")

    def ended(self, result: dict[str, Any]) -> None:
        """Writes the table anew and says what the trial gave.

        Raises:
            UserError: the first trials of this start all failed, so that the fault is not of their values.
        """
        results = write_trials(self.session)
        if result["status"] != COMPLETED:
            self.tell(f"  trial {int(result['trial'])} failed: {result['reason']}")
            if self.failed_at_first is not None:
                self.failed_at_first += 1
                if self.failed_at_first == FAILURES:
                    raise UserError(
                        f"the first {FAILURES} trials failed, the last with: {result['reason']}; mend that, or give "
                        "the same command to go on with others"
                    )
            return
        self.failed_at_first = None
        write_hparams(self.session, result)
        best = best_trial(results)
        lead = "the best so far" if best["trial"] == result["trial"] else f"best: trial {int(best['trial'])}"
        words = f"{score_words(self.session, result)}; {result['seconds']:.0f} s; {lead}{self._left(results)}"
        self.tell(f"  trial {int(result['trial'])}: {words}")

    def _of(self, number: int) -> str:
        return f" ({number + 1} of at most {self.session.search.trials})"

    def _left(self, results: list[dict[str, Any]]) -> str:
        left = self.session.search.trials - len(results)
        if left <= 0:
            return ""
        mean = sum(entry["seconds"] for entry in results) / len(results)
        return f"; at most {math.ceil(left * mean / self.workers / 60)} min left"
