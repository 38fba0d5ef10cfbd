"""Recorded corpora through the whole way: a bounded number of steps, export, reload."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_tf.compose import compose
from mtl_tf.data.decode import load_clip
from mtl_tf.experiment import run_experiment
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.read import load_config, load_history, longest_clip
from mtl_tf.runs.score_again import evaluate_run
from mtl_tf.serving.export import export_run

pytestmark = pytest.mark.real

BOUNDED = (
    *("training.epochs=2", "training.steps_per_epoch=12", "pipeline.shards=false", "quiet=true"),
    *("model.filters=[8,16,32]", "model.embedding_units=32"),
)
CASES = {
    "ravdess": (
        ["experiment=real_ravdess", "corpora.ravdess.where={statement:['kids are talking by the door']}"],
        {"emotion": 8, "speech_song": 2, "gender": 2, "speaker": 12},
    ),
    "emodb": (["experiment=emodb", "fold=0"], {"emotion": 7, "gender": 2}),
    "fsdd": (["experiment=fsdd"], {"digit": 10, "speaker": 6}),
    "esc10": (["experiment=esc10", "fold=0"], {"scene": 10}),
    "two corpora": (["experiment=fsdd_and_esc10"], {"digit": 10, "scene": 10}),
}
SLOW = ("emodb", "two corpora")  # whose experiments train a step on example files in every run of the tests


@pytest.mark.parametrize("case", [pytest.param(case, marks=[pytest.mark.slow] * (case in SLOW)) for case in CASES])
def test_it_trains_exports_and_reloads(case, real_audio, tmp_path):
    overrides, classes = CASES[case]
    folder = run_experiment(compose([*overrides, *BOUNDED, f"data_root={real_audio}"]))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {task: len(scores["classes"]) for task, scores in metrics["test"].items()} == classes
    history = load_history(folder)
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]
    check_disjoint(case, folder)

    version = export_run(folder, tmp_path / "saved_models" / "model")
    signature = tf.saved_model.load(str(version)).signatures["serving_default"]
    model = load_model(folder)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    for row in predictions.drop_duplicates("corpus").itertuples():
        sample_rate = model.get_layer("frontend").sample_rate
        waveform = load_clip(real_audio / row.corpus / row.path, sample_rate)[None]
        served = signature(waveform=tf.constant(waveform))
        for task, values in answer(model, waveform[:, : longest_clip(load_config(folder))]).items():
            np.testing.assert_allclose(served[task].numpy(), np.asarray(values), atol=1e-5)
    again = evaluate_run(folder)
    for task, scores in metrics["test"].items():
        assert again[task]["accuracy"] == pytest.approx(scores["accuracy"])


def check_disjoint(case, folder):
    division = pd.read_parquet(folder / "splits.parquet")
    predictions = pd.read_parquet(folder / "predictions.parquet")
    assert set(predictions["clip_id"]) == set(division.loc[division["split"] == "test", "clip_id"])
    if case == "ravdess":
        actor = division["clip_id"].str.rsplit(".", n=1).str[0].str[-2:]
        unseen = actor.isin(["13", "14", "15", "16"])
        assert (division.loc[unseen, "split"] == "test").all()
        open_tasks = predictions[predictions["task"] != "speaker"]
        assert set(open_tasks["speaker"]) == {"13", "14", "15", "16"}
        assert not set(predictions.loc[predictions["task"] == "speaker", "speaker"]) & {"13", "14", "15", "16"}
    if case == "fsdd":
        take = division["clip_id"].str.extract(r"_(\d+)\.")[0].astype(int)
        assert ((division["split"] == "test") == (take < 5)).all()
    if case == "esc10":
        fold = division["clip_id"].str.rsplit("/", n=1).str[1].str[0]
        assert ((division["split"] == "test") == (fold == "1")).all()
    if case == "emodb":
        speaker = division["clip_id"].str.rsplit("/", n=1).str[1].str[:2]
        assert not set(speaker[division["split"] == "test"]) & set(speaker[division["split"] != "test"])
    if case == "two corpora":
        of_task = predictions.groupby("task")["corpus"].unique().map(list).to_dict()
        assert of_task == {"digit": ["fsdd"], "scene": ["esc10"]}
