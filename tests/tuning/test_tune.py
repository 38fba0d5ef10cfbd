"""Searches from the command line, on a small made corpus."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import ROOT, SMALL_RUN
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from mtl_tf import compose as compose_module
from mtl_tf.compose import compose
from mtl_tf.config import RunConfig
from mtl_tf.runs.folder import NOT_COMPARED
from mtl_tf.tuning import names as files
from mtl_tf.tuning.session import load_session
from mtl_tf.tuning.validation import validation_scores

SEARCH = [
    "search.training.learning_rate={float: [0.0005, 0.05], log: true}",
    "search.training.class_weights=[none,balanced]",
    "tuner=random",
    "trials=4",
    "training.epochs=4",
]


def tune(*arguments, code=0, timeout_s=900):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "tune.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == code, done.stderr[-3000:]
    return (Path(done.stdout.splitlines()[-1]) if code == 0 else None), done.stderr


def trials_of(folder):
    return pd.read_csv(folder / files.TRIALS, dtype=str, keep_default_na=False)


def same(one: RunConfig, other: RunConfig, *but: str) -> bool:
    left_out = NOT_COMPARED | dict.fromkeys(("runs_dir", *but), True)
    return one.model_dump(exclude=left_out) == other.model_dump(exclude=left_out)


def test_a_search_its_winner_and_its_files(tone_corpus, tmp_path, monkeypatch):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH]
    folder, said = tune(*arguments)
    table = trials_of(folder)
    assert len(table) == 4 and set(table["status"]) == {"completed"}
    assert "trial 3 (4 of at most 4): training.learning_rate=" in said

    for _, row in table.iterrows():  # each trial is an ordinary run, whose test clips nobody has looked at
        run = folder / row["run"]
        config = compose_module.load(run / "config.yaml")
        assert f"{config.training.learning_rate:.6g}" == f"{float(row['training.learning_rate']):.6g}"
        scores = validation_scores(run)
        assert float(row["score"]) == pytest.approx((scores["digit"]["accuracy"] + scores["speaker"]["accuracy"]) / 2)
        assert (run / "model.keras").is_file() and not (run / "predictions.parquet").exists()
    best = yaml.safe_load((folder / files.BEST).read_text())
    assert best["score"] == table["score"].astype(float).max()
    assert "parallel coordinates" in (folder / files.REPORT).read_text()

    state = json.loads((folder / files.ORACLE).read_text())["trials"]
    assert {(trial["trial_id"], trial["status"]) for trial in state} == {(name, "COMPLETED") for name in table["trial"]}
    assert [trial["score"] for trial in state] == pytest.approx(table["score"].astype(float).tolist())

    shown = subprocess.run(
        [sys.executable, "-m", "tensorboard.main", "--version"], capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr  # the command that the report prints starts

    events = EventAccumulator(str(folder / files.TENSORBOARD / best["trial"]))
    events.Reload()
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    started = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert started.hparams["training.learning_rate"].number_value == float(best["values"]["training.learning_rate"])

    before = {path: path.stat().st_mtime_ns for path in (folder / files.RESULTS).iterdir()}
    again, said = tune(*arguments)  # the same command carries on, and here there is nothing left to do
    assert again == folder and "carrying on" in said
    assert {path: path.stat().st_mtime_ns for path in (folder / files.RESULTS).iterdir()} == before


@pytest.mark.slow
def test_the_test_split_is_opened_once_and_the_winner_is_an_experiment(tone_corpus, tmp_path):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH]
    folder, _ = tune(*arguments)
    before = sorted((folder / files.RUNS).rglob("report.html")), sorted((folder / files.RUNS).rglob("config.yaml"))
    tune(f"finish={folder.resolve()}", "repeats=2")  # spelt otherwise than in the search
    assert not before[0] and sorted((folder / files.RUNS).rglob("config.yaml")) == before[1], (
        "the winner was trained anew"
    )
    assert len(sorted((folder / files.RUNS).rglob("report.html"))) == 1
    first = (folder / files.FINISHED).read_bytes()
    _, said = tune(f"finish={folder}", "repeats=3")
    assert "finished already" in said and (folder / files.FINISHED).read_bytes() == first
    _, said = tune(*arguments, "trials=6", code=2)
    assert "the test split of" in said and "resume=false" in said

    best = yaml.safe_load((folder / files.BEST).read_text())
    own = folder / best["runs"][0]
    (tmp_path / "configs" / "experiment").mkdir(parents=True)
    (tmp_path / "configs" / "experiment" / "tuned.yaml").write_bytes((folder / files.BEST_EXPERIMENT).read_bytes())
    config = compose(["experiment=tuned", "config_dir=configs", f"data_root={tone_corpus}", "quiet=true"])
    assert same(config, compose_module.load(own / "config.yaml"), "experiment", "recipe")  # whose keys are written out

    from mtl_tf.experiment import run_experiment

    repeated = run_experiment(config)
    pd.testing.assert_frame_equal(
        pd.read_parquet(repeated / "predictions.parquet"), pd.read_parquet(own / "predictions.parquet")
    )
    assert validation_scores(repeated) == validation_scores(own)


@pytest.mark.slow
def test_hyperband_carries_the_run_itself_on(tone_corpus, tmp_path):
    """A run in two stretches has the history and the scores of one that was never stopped."""
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH, "tuner=hyperband", "trials=10", "training.epochs=4"]
    folder, said = tune(*arguments, "training.learning_rate_schedule=cosine", "factor=2")
    assert "carrying on trial" in said
    table, session = trials_of(folder), load_session(folder)
    earlier = [yaml.safe_load(path.read_text())["earlier"] for path in sorted((folder / files.RESULTS).glob("*.json"))]
    assert any(earlier)
    longest = table[table["epochs"] == "4"].iloc[-1]
    run = folder / longest["run"]

    from mtl_tf.experiment import run_experiment

    config = compose_module.load(run / "config.yaml")
    plain = config.model_copy(update={"runs_dir": str(tmp_path / "plain"), "score_test": True})
    whole = run_experiment(
        plain.model_copy(update={"training": config.training.model_copy(update={"stop_after_epoch": None})})
    )
    assert validation_scores(whole) == validation_scores(run)
    assert session.config.training.learning_rate_schedule == "cosine"


@pytest.mark.slow
def test_trials_that_cannot_be_trained_are_listed_with_their_reason(tone_corpus):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", "training.epochs=2", "tuner=grid"]
    folder, said = tune(
        *arguments, "search.training.learning_rate=[0.01,1.0e+30]", "search.training.optimizer=[adam,sgd]"
    )
    table = trials_of(folder)
    failed = table[table["status"] == "failed"]
    assert len(table) == 4 and 1 <= len(failed) <= 2
    assert failed["reason"].str.contains("not finite").all()
    assert "not finite" in (folder / files.REPORT).read_text() and "failed: the training loss" in said


def test_a_mistake_is_one_line(tone_corpus):
    _, said = tune(*SMALL_RUN, f"data_root={tone_corpus}", "search.training.learning_rte=[1,2]", code=2)
    assert said.splitlines()[-1].startswith("error: search.training.learning_rte: unknown key")
    assert "Traceback" not in said
    _, said = tune(*SMALL_RUN, "data_root=nowhere", *SEARCH, code=2)
    assert "there is no folder nowhere" in said.splitlines()[-1] and "trial 0" not in said
    assert not Path("tuning").exists()
