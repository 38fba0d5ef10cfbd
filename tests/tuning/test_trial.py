"""What a trial's score is, and when trials may be compared."""

import json
import subprocess
import sys

import pytest
import yaml
from conftest import SMALL_RUN

from mtl_tf.errors import UserError
from mtl_tf.runs.read import load_config, load_division, load_history
from mtl_tf.tuning import names as files
from mtl_tf.tuning import trial as trials
from mtl_tf.tuning.execution import count_updates
from mtl_tf.tuning.oracles import make_oracle
from mtl_tf.tuning.search import SearchConfig
from mtl_tf.tuning.session import open_session
from mtl_tf.tuning.space import hyperparameters
from mtl_tf.tuning.table import best_trial, write_trials
from mtl_tf.tuning.tuner import RunTuner
from mtl_tf.tuning.validation import validation_scores

SPACE = {"training.learning_rate": [0.01, 0.02]}


@pytest.fixture
def session_of(tmp_path):
    opened = []

    def make(**keys):
        manager = open_session(
            SearchConfig(space=SPACE, **keys), [*SMALL_RUN, "data_root=somewhere"], tmp_path / "tuning"
        )
        opened.append(manager)
        return manager.__enter__()

    yield make
    for manager in opened:
        manager.__exit__(None, None, None)


def outcomes(monkeypatch, *found):
    """Stands for runs: each gives the next of the given scores of digit and speaker, or a reason."""
    left = list(found)

    def execute(place, config, begin):
        value = left.pop(0)
        if isinstance(value, str):
            return {"reason": value, "seconds": 1.0}
        digit, speaker = value
        scores = {
            "digit": {"accuracy": digit, "cross_entropy": 1 - digit},
            "speaker": {"accuracy": speaker, "cross_entropy": 1 - speaker},
        }
        return {"run": "r", "scores": scores, "epochs": 3, "updates": 30, "seconds": 2.0, "data": "d"}

    monkeypatch.setattr(trials, "_execute", execute)
    return left


def test_a_score_is_the_mean_over_seeds_and_weights(session_of, monkeypatch):
    session = session_of(executions_per_trial=2, objective={"digit": 3, "speaker": 1})
    outcomes(monkeypatch, (0.5, 0.9), (0.7, 0.9))
    result = trials.run_trial(session, "0", {"training.learning_rate": 0.01})
    assert result["scores"] == {"digit": pytest.approx(0.6), "speaker": pytest.approx(0.9)}
    assert result["score"] == pytest.approx(0.75 * 0.6 + 0.25 * 0.9)
    assert (result["updates"], result["seconds"], result["epochs"]) == (60, 4.0, 3)


def test_a_loss_counts_with_its_sign_turned(session_of, monkeypatch):
    session = session_of(objective="digit.cross_entropy")
    outcomes(monkeypatch, (0.5, 0.9), (0.7, 0.1))
    scores = [trials.run_trial(session, name, {"training.learning_rate": 0.01})["score"] for name in "01"]
    assert scores == pytest.approx([-0.5, -0.3])
    assert best_trial(write_trials(session))["trial"] == "1"


def test_the_smallest_gain_over_single_task_runs_counts(finished_run, session_of, monkeypatch):
    session = session_of(relative_to=[str(finished_run)])
    single = validation_scores(finished_run)
    outcomes(monkeypatch, (0.9, 0.4))
    result = trials.run_trial(session, "0", {"training.learning_rate": 0.01})
    expected = min(0.9 - single["digit"]["accuracy"], 0.4 - single["speaker"]["accuracy"])
    assert result["score"] == pytest.approx(expected)


def test_a_comparison_with_what_is_no_run_stops_the_search(session_of, tmp_path):
    session = session_of(relative_to=[str(tmp_path)])
    with pytest.raises(UserError, match=r"relative_to=.*config.yaml is missing"):
        trials.single_scores(session.search, session.objective)


def test_validation_scores_are_those_of_the_epoch_whose_weights_are_kept(finished_run):
    history = load_history(finished_run)
    row = history.loc[history["score"].idxmax()]
    assert validation_scores(finished_run)["digit"]["accuracy"] == row["val_digit_accuracy"]


def test_a_run_that_fails_ends_its_trial_and_not_the_search(session_of, monkeypatch):
    session = session_of(executions_per_trial=3)
    left = outcomes(monkeypatch, (0.5, 0.5), "the loss is not finite", (0.5, 0.5))
    result = trials.run_trial(session, "0", {"training.learning_rate": 0.01})
    assert (result["status"], result["reason"], result["score"]) == ("failed", "the loss is not finite", None)
    assert len(left) == 1 and best_trial(write_trials(session)) is None


def test_a_trial_that_ended_is_read_and_one_of_other_values_is_not(session_of, monkeypatch):
    session = session_of()
    left = outcomes(monkeypatch, (0.5, 0.5), (0.6, 0.6))
    first = trials.run_trial(session, "0", {"training.learning_rate": 0.01})
    assert trials.run_trial(session, "0", {"training.learning_rate": 0.01}) == first and len(left) == 1
    assert trials.run_trial(session, "0", {"training.learning_rate": 0.02})["score"] == pytest.approx(0.6)


def test_trials_of_other_data_are_not_compared(session_of, monkeypatch):
    session = session_of()
    outcomes(monkeypatch, (0.5, 0.5), (0.6, 0.6))
    trials.run_trial(session, "0", {"training.learning_rate": 0.01})
    path = session.folder / files.RESULTS / "0.json"
    result = json.loads(path.read_text())
    result["executions"][0]["data"] = "another"
    path.write_text(json.dumps(result))
    with pytest.raises(UserError, match=r"no longer those of trial 0; bring them back, or give resume=false"):
        trials.run_trial(session, "1", {"training.learning_rate": 0.02})


def test_one_process_at_a_time_works_on_a_session(session_of):
    session = session_of()
    with pytest.raises(UserError, match=r"another process \(\d+\) is at work on"):
        session_of()
    assert session.folder.is_dir()


def test_a_key_that_a_later_version_adds_does_not_begin_a_search_anew(tmp_path):
    def folder():
        search = SearchConfig(space=SPACE)
        with open_session(search, [*SMALL_RUN, "data_root=somewhere"], tmp_path / "tuning") as session:
            return session.folder

    first = folder()
    path = first / files.SESSION
    saved = yaml.safe_load(path.read_text())
    del saved["config"]["augment"]
    saved["config"]["training"].popitem()
    path.write_text(yaml.safe_dump(saved))
    assert folder() == first


def test_hyperband_does_not_search_what_it_divides(tmp_path):
    search = SearchConfig(space={"training.epochs": [2, 3]})
    with (
        pytest.raises(UserError, match="hyperband divides training"),
        open_session(search, [*SMALL_RUN[:-2], "data_root=x"], tmp_path),
    ):
        pass


@pytest.mark.parametrize(
    ("code", "log", "reason"),
    [
        (-9, "epoch 1\n", "it was killed, as the system does where memory runs out"),
        (-11, "", "it ended by signal 11 (SIGSEGV)"),
        (2, "loading\nerror: the training loss is not finite\n", "the training loss is not finite"),
        (
            1,
            "Traceback\n  File\nResourceExhaustedError: OOM when allocating\n\n",
            "ResourceExhaustedError: OOM when allocating",
        ),
        (3, "", "it ended with exit code 3"),
    ],
)
def test_the_reason_of_a_failure_is_what_its_process_left(code, log, reason, tmp_path):
    """Each process is a real one that ends so."""
    end = f"import os, sys, signal; sys.stderr.write({log!r}); sys.stderr.flush(); "
    end += f"os.kill(os.getpid(), {-code})" if code < 0 else f"sys.exit({code})"
    with (tmp_path / "log.txt").open("wb") as file:
        process = subprocess.run([sys.executable, "-c", end], stderr=file, check=False)
    assert trials._reason(process.returncode, tmp_path / "log.txt") == reason


def test_a_worker_that_starts_deletes_nothing_of_another(session_of):
    """keras-tuner's tuners take `overwrite`, by which one that starts removes what others have written."""
    session = session_of(tuner="random", trials=4)
    other = session.folder / files.RUNS / "0-0" / "log.txt"
    other.parent.mkdir(parents=True)
    other.write_text("epoch 1")
    dimensions = hyperparameters(session.dimensions)
    for _ in range(2):
        oracle = make_oracle(session.search, dimensions, 3, session.folder / files.ORACLE)
        RunTuner(oracle, session, lambda trial, values: None, lambda result: None)
    assert other.read_text() == "epoch 1"


def test_what_a_run_has_cost_is_counted_from_what_it_left(finished_run, tmp_path):
    config = load_config(finished_run)
    clips = int((load_division(finished_run)["split"] == "train").sum())
    steps = -(-clips // config.pipeline.batch_size)
    assert count_updates(finished_run, config, 0) == {"epochs": 12, "updates": 12 * steps}
    assert count_updates(finished_run, config, 9) == {"epochs": 12, "updates": 3 * steps}
    assert count_updates(tmp_path, config, 0) == {"epochs": 0, "updates": 0}
