"""keras-tuner's oracles under kills: no trial is lost, none that ended is repeated, the winner is the same."""

import itertools
import threading
from contextlib import nullcontext

import pytest
import yaml
from keras_tuner.engine.trial import Trial, TrialStatus

from mtl_tf.errors import UserError
from mtl_tf.tuning import oracles
from mtl_tf.tuning.dimensions import read_dimensions
from mtl_tf.tuning.oracles import SCORE, check_hyperband, make_oracle
from mtl_tf.tuning.search import SearchConfig
from mtl_tf.tuning.space import hyperparameters

SPACE = yaml.safe_load(
    """
    training.learning_rate: {float: [0.001, 0.1], log: true, step: 10}
    training.optimizer: [adam, sgd]
    training.momentum: {float: [0.1, 0.3], step: 0.1, when: {training.optimizer: sgd}}
    """
)
TUNERS = ("hyperband", "bayesian", "random", "grid")


class Kill(BaseException):
    """Stands for the end of the process."""


def oracle_of(tuner, path, trials=8):
    search = SearchConfig(space=SPACE, tuner=tuner, trials=trials)
    return make_oracle(search, hyperparameters(read_dimensions(SPACE)), epochs=9, path=path)


def score(values):
    """Any function of the values that has no two equal results."""
    rate = values["training.learning_rate"]
    return -abs(rate - 0.02) - values.get("training.momentum", 0.05) + 1e-3 * values.get("tuner/epochs", 1)


def drive(oracle, ran):
    """Carries out trials until the search ends."""
    while True:
        trial = oracle.create_trial("tuner0")
        if trial.status == TrialStatus.STOPPED:
            return
        ran.append(trial.trial_id)
        oracle.update_trial(trial.trial_id, {SCORE: score(trial.hyperparameters.values)}, step=0)
        trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)


def outcome(oracle):
    best = oracle.get_best_trials(1)[0]
    return {name: trial.hyperparameters.values for name, trial in oracle.trials.items()}, best.trial_id, best.score


@pytest.mark.parametrize("tuner", TUNERS)
def test_a_kill_at_any_write_changes_nothing(tuner, tmp_path, monkeypatch):
    whole = oracle_of(tuner, tmp_path / "whole.json")
    drive(whole, [])
    expected = outcome(whole)
    write, written = oracles.write_json, []

    def write_or_die(values, path):
        written.append(None)
        if len(written) == killed_at:
            raise Kill
        write(values, path)

    monkeypatch.setattr(oracles, "write_json", write_or_die)
    for killed_at in range(1, 45, 15 if tuner == "bayesian" else 1):
        path, ran = tmp_path / f"{killed_at}.json", []
        written.clear()
        try:
            drive(oracle_of(tuner, path), ran)
        except Kill:
            ended = []
            if path.is_file():
                ended = [name for name, trial in oracle_of(tuner, path).trials.items() if trial.status == "COMPLETED"]
            again, later = oracle_of(tuner, path), []
            drive(again, later)
            assert outcome(again) == expected
            assert not set(ended) & set(later), "a trial that had ended was run again"
            assert set(ran) | set(later) == set(expected[0])
        else:
            break  # the search ended before this write


@pytest.mark.parametrize("tuner", TUNERS)
def test_more_trials_carry_on_a_search_that_ended(tuner, tmp_path):
    path, first, more = tmp_path / "oracle.json", [], []
    drive(oracle_of(tuner, path, trials=3), first)
    drive(oracle_of(tuner, path, trials=7), more)
    assert len(first) == 3 and len(more) == 4 and not set(first) & set(more)


def test_a_grid_has_every_combination_once(tmp_path):
    path = tmp_path / "oracle.json"
    for trials in range(1, 30):  # a new process for every trial
        drive(oracle_of("grid", path, trials=trials), [])
    found = [trial.hyperparameters.values for trial in oracle_of("grid", path).trials.values()]
    rates = (0.001, 0.01, 0.1)
    expected = [{"training.learning_rate": rate, "training.optimizer": "adam"} for rate in rates]
    expected += [
        {"training.learning_rate": rate, "training.optimizer": "sgd", "training.momentum": momentum}
        for rate, momentum in itertools.product(rates, (0.1, 0.2, 0.3))
    ]
    rounded = [
        {key: round(value, 9) if isinstance(value, float) else value for key, value in each.items()} for each in found
    ]
    assert len(found) == 12 and all(each in rounded for each in expected)


def test_hyperband_carries_on_the_best_with_more_epochs(tmp_path):
    oracle = oracle_of("hyperband", tmp_path / "oracle.json", trials=20)
    drive(oracle, [])
    carried_on = [trial for trial in oracle.trials.values() if trial.hyperparameters.values.get("tuner/trial_id")]
    assert carried_on
    for trial in carried_on:
        values, earlier = trial.hyperparameters.values, oracle.trials[trial.hyperparameters.values["tuner/trial_id"]]
        assert values["tuner/initial_epoch"] == earlier.hyperparameters.values["tuner/epochs"] < values["tuner/epochs"]
        assert values["training.learning_rate"] == earlier.hyperparameters.values["training.learning_rate"]


@pytest.mark.parametrize("tuner", TUNERS)
def test_trials_that_fail_are_listed_and_the_search_goes_on(tuner, tmp_path):
    oracle, failed = oracle_of(tuner, tmp_path / "oracle.json"), 0
    while (trial := oracle.create_trial("tuner0")).status != TrialStatus.STOPPED:
        if trial.hyperparameters.values["training.optimizer"] == "sgd":
            trial.status, failed = TrialStatus.FAILED, failed + 1
        else:
            oracle.update_trial(trial.trial_id, {SCORE: score(trial.hyperparameters.values)})
            trial.status = TrialStatus.COMPLETED
        oracle.end_trial(trial)
    assert failed and len(oracle.trials) >= 4
    assert oracle.get_best_trials(1)[0].hyperparameters.values["training.optimizer"] == "adam"


@pytest.mark.parametrize("tuner", TUNERS)
def test_a_worker_that_died_loses_its_trial_alone(tuner, tmp_path):
    oracle, ran = oracle_of(tuner, tmp_path / "oracle.json"), []
    lost = oracle.create_trial("worker0").trial_id
    other = oracle.create_trial("worker1")
    assert oracle.give_back("worker0") == lost and oracle.give_back("worker0") is None
    oracle.update_trial(other.trial_id, {SCORE: 0.0})
    other.status = TrialStatus.COMPLETED
    oracle.end_trial(other)
    drive(oracle, ran)
    assert lost in ran and other.trial_id not in ran


@pytest.mark.parametrize("tuner", TUNERS)
def test_numbers_that_come_back_from_a_worker_do_not_break_the_search(tuner, tmp_path):
    oracle, count = oracle_of(tuner, tmp_path / "oracle.json"), 0
    while (trial := oracle.create_trial("tuner0")).status != TrialStatus.STOPPED:
        oracle.update_trial(trial.trial_id, {SCORE: score(trial.hyperparameters.values)})
        sent = Trial.from_proto(trial.to_proto())
        sent.status = TrialStatus.COMPLETED
        oracle.end_trial(sent)
        count += 1
    assert count == len(oracle.trials) >= 4


def test_a_trial_ended_by_a_worker_of_a_chief_that_was_killed_is_not_run_again(tmp_path):
    path, ran = tmp_path / "oracle.json", []
    trial = oracle_of("random", path).create_trial("worker0")
    again = oracle_of("random", path)
    again.update_trial(trial.trial_id, {SCORE: 1.0})
    trial.status = TrialStatus.COMPLETED
    again.end_trial(trial)
    drive(again, ran)
    assert trial.trial_id not in ran and again.trials[trial.trial_id].score == 1.0


def test_a_damaged_state_is_said(tmp_path):
    (tmp_path / "oracle.json").write_text('{"trials": [')
    with pytest.raises(UserError, match=r"oracle.json is damaged .*resume=false"):
        oracle_of("random", tmp_path / "oracle.json")


def test_the_same_seed_searches_the_same(tmp_path):
    found = []
    for name in "ab":
        oracle = oracle_of("random", tmp_path / f"{name}.json")
        drive(oracle, [])
        found.append(outcome(oracle))
    assert found[0] == found[1]


def test_a_full_disk_does_not_lock_the_others_out(tmp_path, monkeypatch):
    oracle = oracle_of("random", tmp_path / "oracle.json")
    oracle.create_trial("worker0")

    def full(values, path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(oracles, "write_json", full)
        with pytest.raises(OSError, match="No space"):
            oracle.create_trial("worker1")
    found = []
    other = threading.Thread(target=lambda: found.append(oracle.give_back("worker0")), daemon=True)
    other.start()
    other.join(timeout=10)
    assert found == ["0"]


@pytest.mark.parametrize(
    ("space", "trials", "message"),
    [
        (SPACE, 8, r"trials=8: hyperband over 9 epochs .* of 9, 3, 1 trials; give trials=13 or more"),
        ({"pipeline.batch_size": [8, 16, 32]}, 20, r"draws 9 trials at first, and the space has 3 combinations"),
        ({"training.learning_rate": {"float": [0.1, 1.0]}}, 20, None),
    ],
)
def test_a_hyperband_that_could_carry_nothing_on_is_refused(space, trials, message):
    search = SearchConfig(space=space, trials=trials)
    with nullcontext() if message is None else pytest.raises(UserError, match=message):
        check_hyperband(search, hyperparameters(read_dimensions(space)), 9)
