"""keras-tuner's oracles, made to outlive a kill at any moment."""

import json
import threading
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.hyperparameters import Boolean, Choice
from keras_tuner.engine.trial import Trial, TrialStatus
from keras_tuner.oracles import BayesianOptimizationOracle, GridSearchOracle, HyperbandOracle, RandomSearchOracle
from keras_tuner.src.engine.oracle import LOCKS, THREADS
from sklearn.exceptions import ConvergenceWarning

from mtl_tf.errors import UserError
from mtl_tf.files import write_json
from mtl_tf.tuning.search import SearchConfig

SCORE = "score"
_SPARE = 2  # times as many combinations as trials, so that keras-tuner's draws find new ones


def _synchronized(method: Callable) -> Callable:
    """Is keras-tuner's decorator, but lets go of the lock where the method fails, so that no other waits for ever."""
    locked = keras_tuner.synchronized(method)

    @wraps(method)
    def call(self: "Durable", *arguments: Any, **options: Any) -> Any:
        try:
            return locked(self, *arguments, **options)
        except BaseException:
            if THREADS[self] == threading.current_thread().name:
                THREADS[self] = None
                LOCKS[self].release()
            raise

    return call


class Durable:
    """What is added to an oracle of keras-tuner.

    All of its state is one file that is replaced whole. keras-tuner writes the oracle and each trial apart, so that a
    kill between the two leaves a trial that the oracle does not know, or runs a finished one again; and it forgets the
    order of a grid search and the random numbers of a Bayesian one.

    Attributes:
        path: of the state; None: keep none.
        spent: says whether the budget is used up, so that no further trial begins.
    """

    path: Path | None = None

    def spent(self) -> bool:
        """Says whether no further trial may begin."""
        return False

    @_synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Begins a trial, or ends the search where the budget is used up."""
        if tuner_id not in self.ongoing_trials and not self._retry_queue and self.spent():
            self.tuner_ids.discard(tuner_id)
            return Trial(self.get_space(), trial_id="", status=TrialStatus.STOPPED)
        return super().create_trial(tuner_id)

    @_synchronized
    def update_trial(self, trial_id: str, metrics: dict[str, float], step: int = 0) -> Trial:
        """Notes the score of a trial."""
        return super().update_trial(trial_id, metrics, step)

    @_synchronized
    def end_trial(self, trial: Trial) -> None:
        """Ends a trial."""
        # A worker may end what it began under a chief that was killed meanwhile.
        self._retry_queue = [name for name in self._retry_queue if name != trial.trial_id]
        super().end_trial(trial)
        self.save()  # anew, as keras-tuner takes the trial off the running ones only now

    @_synchronized
    def give_back(self, tuner_id: str) -> str | None:
        """Hands the trial of a worker that died to the next one that asks.

        Returns:
            The trial, or None where it had none.
        """
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is None:
            return None
        self._retry_queue.append(trial.trial_id)
        self.save()
        return trial.trial_id

    def save(self) -> None:
        """Writes the state."""
        if self.path is not None:
            write_json(self.get_state(), self.path)

    def _save_trial(self, trial: Trial) -> None:
        self.save()

    def reload(self) -> None:
        """Reads the state; trials that were running wait to be run again.

        Raises:
            UserError: the file is damaged.
        """
        try:
            self.set_state(json.loads(self.path.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{self.path} is damaged ({error}); give resume=false for a new search") from error

    def get_state(self) -> dict[str, Any]:
        """Returns keras-tuner's state and all trials."""
        return super().get_state() | {"trials": [trial.get_state() for trial in self.trials.values()]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` gave."""
        self.trials = {entry["trial_id"]: Trial.from_state(entry) for entry in state["trials"]}
        super().set_state(state)
        running = [name for name, trial in self.trials.items() if trial.status == TrialStatus.RUNNING]
        self._retry_queue = [*self._retry_queue, *(name for name in running if name not in self._retry_queue)]
        self.ongoing_trials = {}


class DurableHyperband(Durable, HyperbandOracle):
    """Hyperband."""


class DurableRandom(Durable, RandomSearchOracle):
    """Random search."""


class DurableBayesian(Durable, BayesianOptimizationOracle):
    """Bayesian optimisation, whose random numbers go on where they were."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Chooses the values of a trial; that a length scale is at its bound is no news to a user."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)

    def get_state(self) -> dict[str, Any]:
        """Adds the state of the random numbers."""
        name, keys, *rest = self._random_state.get_state()
        return super().get_state() | {"random_state": [name, keys.tolist(), *rest]}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` gave."""
        super().set_state(state)
        self._random_state.set_state(tuple(state["random_state"]))


class DurableGrid(Durable, GridSearchOracle):
    """Grid search, whose order outlives a restart (keras-tuner raises KeyError in place of the next combination)."""

    def get_state(self) -> dict[str, Any]:
        """Adds the order of the trials by their values, and those whose next combination is to be made."""
        links, order = self._ordered_ids, []
        index = links._next_index[None]
        while index is not None:
            order.append(links._memory[index])
            index = links._next_index[index]
        return super().get_state() | {"order": order, "populate_next": list(self._populate_next)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Takes over what `get_state` gave."""
        super().set_state(state)
        self._ordered_ids = type(self._ordered_ids)()
        for name in state["order"]:
            self._ordered_ids.insert(name)
        self._populate_next = list(state["populate_next"])
        last = self.end_order[-1:]  # a kill may have come before it was put there
        self._populate_next += [name for name in last if name not in self._populate_next]


def make_oracle(
    search: SearchConfig, space: keras_tuner.HyperParameters, epochs: int, path: Path | None = None
) -> keras_tuner.Oracle:
    """Makes the oracle of a session, as it was left if it has begun.

    Args:
        search: with the kind of search and its budget.
        space: the search space.
        epochs: of a run, which hyperband divides.
        path: of the oracle's state; None: keep none, as in a worker, which asks the chief's.

    Raises:
        UserError: the state is damaged.
    """
    options: dict[str, Any] = {
        "objective": keras_tuner.Objective(SCORE, "max"),
        "hyperparameters": space,
        # keras-tuner counts on from its seed, so that neighbouring ones would draw the same; 0 it draws anew.
        "seed": int(np.random.SeedSequence(search.search_seed).generate_state(1)[0]) or 1,
        "allow_new_entries": False,
        "tune_new_entries": False,
        "max_consecutive_failed_trials": search.trials + 1,  # a failed trial is listed, and the search goes on
    }
    if search.tuner == "hyperband":
        oracle = DurableHyperband(max_epochs=epochs, factor=search.factor, hyperband_iterations=None, **options)
    elif search.tuner == "grid":
        oracle = DurableGrid(**options)
    elif search.tuner == "bayesian":
        first = max(3, min(3 * len(space.space), search.trials // 2))
        oracle = DurableBayesian(num_initial_points=first, **options)
    else:
        oracle = DurableRandom(**options)
    oracle.max_trials = search.trials
    oracle.verbose = 0
    oracle.path = path
    if path is not None and path.is_file():
        oracle.reload()
    return oracle


def check_hyperband(search: SearchConfig, space: keras_tuner.HyperParameters, epochs: int) -> None:
    """Refuses a hyperband whose first rounds cannot be filled, so that no trial would be carried on.

    Raises:
        UserError: too few trials, or too few combinations of values; it says how many are needed.
    """
    oracle = make_oracle(search, space, epochs)
    bracket = oracle._get_num_brackets() - 1
    sizes = [oracle._get_size(bracket, number) for number in range(bracket + 1)]
    if search.trials < sum(sizes):
        raise UserError(
            f"trials={search.trials}: hyperband over {epochs} epochs carries the best on from round to round, of "
            f"{', '.join(map(str, sizes))} trials; give trials={sum(sizes)} or more, a larger factor, or tuner=random"
        )
    grid = make_oracle(search.model_copy(update={"tuner": "grid", "trials": _SPARE * sizes[0]}), space, epochs)
    if all(isinstance(entry, Choice | Boolean) for entry in space.space) and _count(grid) < _SPARE * sizes[0]:
        raise UserError(
            f"tuner=hyperband draws {sizes[0]} trials at first, and the space has {_count(grid)} combinations; give "
            "tuner=grid, or more values"
        )


def _count(grid: keras_tuner.Oracle) -> int:
    """Counts the combinations of a space, up to the trials of a grid search over it."""
    while (trial := grid.create_trial("counter")).status != TrialStatus.STOPPED:
        trial.status = TrialStatus.FAILED
        grid.end_trial(trial)
    return len(grid.trials)
