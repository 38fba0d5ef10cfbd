"""keras-tuner's search loop over runs."""

import time
from collections.abc import Callable
from typing import Any

import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial
from keras_tuner.errors import FailedTrialError, FatalError
from keras_tuner.src import config as keras_tuner_config

from mtl_tf.tuning.oracles import SCORE
from mtl_tf.tuning.session import Session
from mtl_tf.tuning.trial import COMPLETED, run_trial

_PAUSE_S = 0.2  # between two questions to an oracle that waits for other trials


class RunTuner(BaseTuner):
    """Carries out the trials that an oracle, here or at the chief's, gives.

    Args:
        oracle: see `mtl_tf.tuning.oracles`.
        session: of the search.
        begun: is told of a trial and its values.
        ended: is told what a trial gave.
    """

    def __init__(
        self,
        oracle: keras_tuner.Oracle,
        session: Session,
        begun: Callable[[str, dict[str, Any]], None],
        ended: Callable[[dict[str, Any]], None],
    ) -> None:
        self.session, self.begun, self.ended = session, begun, ended
        keras_tuner_config.DEBUG = False  # else a trial that fails is a traceback on the terminal
        super().__init__(oracle, directory=session.folder.parent, project_name=session.folder.name)

    def pre_create_trial(self) -> None:
        """Keeps a search that waits for others from asking without a pause."""
        time.sleep(_PAUSE_S)

    def run_trial(self, trial: Trial) -> dict[str, float]:
        """Carries out a trial.

        Raises:
            FailedTrialError: it failed, and is listed with the reason.
            FatalError: the search itself cannot go on, such as with a full disk; keras-tuner would count any other
                exception as a trial that failed.
        """
        self.begun(trial.trial_id, trial.hyperparameters.values)
        try:
            self._result = run_trial(self.session, trial.trial_id, trial.hyperparameters.values)
        except Exception as error:
            raise FatalError(str(error)) from error
        if self._result["status"] != COMPLETED:
            raise FailedTrialError(self._result["reason"])
        return {SCORE: self._result["score"]}

    def on_trial_end(self, trial: Trial) -> None:
        """Tells the oracle, which keeps its own state.

        Raises:
            RuntimeError: keras-tuner counts a completed trial as failed, for a fault that is none of the trial's.
        """
        if self._result["status"] == COMPLETED != trial.status.lower():
            raise RuntimeError(f"trial {trial.trial_id} was completed, and could not be told: {trial.message}")
        self.oracle.end_trial(trial)
        self.ended(self._result)

    def search(self) -> None:
        """Goes on until the oracle ends the search.

        Raises:
            Exception: what kept the search from going on.
        """
        try:
            super().search()
        except FatalError as error:
            raise error.__cause__ or error from None

    def save(self) -> None:
        """Nothing: all of the state is the oracle's."""
