"""Repeats of a run answer together."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from conftest import SMALL_RUN, write_tone_corpus

from mtl_tf import compose
from mtl_tf.errors import UserError
from mtl_tf.evaluation.thresholds import confidence_thresholds
from mtl_tf.experiment import run_experiment
from mtl_tf.models.build import answer, count_parameters
from mtl_tf.models.embedding import embedding_of
from mtl_tf.models.ensemble import ensemble_of
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.predict_files import predict_files
from mtl_tf.runs.together import describe_together
from mtl_tf.serving.export import export_run
from mtl_tf.tables import write_table


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("repeated")
    places = [f"data_root={write_tone_corpus(folder / 'data')}", f"runs_dir={folder / 'runs'}"]
    options = [
        *SMALL_RUN,
        *places,
        f"prepared_dir={folder / 'prepared'}",
        "repeats=3",
        "training.epochs=2",
        "pipeline.window_s=0.2",
    ]
    return run_experiment(compose.compose(options))


@pytest.fixture(scope="module")
def networks(repeated):
    return [load_model(repeated / "repeats" / str(number)) for number in range(3)]


@pytest.fixture(scope="module")
def waveform():
    return np.random.default_rng(0).uniform(-0.5, 0.5, (3, 4000)).astype(np.float32)


def mean_answers(networks, *inputs):
    answers = [answer(network, *inputs) for network in networks]
    return {task: sum(np.asarray(each[task]) for each in answers) / len(networks) for task in answers[0]}


def test_the_answer_is_the_mean_of_the_networks(repeated, networks, waveform):
    together = load_model(repeated)
    for length in (None, np.array([4000, 2500, 3001], np.int32)):
        found, wanted = answer(together, waveform, length), mean_answers(networks, waveform, length)
        assert list(found) == list(wanted)
        for task in wanted:
            np.testing.assert_allclose(found[task], wanted[task], atol=1e-6)
    assert count_parameters(together) == 3 * count_parameters(networks[0])


def test_its_embedding_is_that_of_every_network(repeated, networks, waveform):
    def embed(model):
        return np.asarray(answer(type(model)(model.input, {"embedding": embedding_of(model)}), waveform)["embedding"])

    parts = np.concatenate([embed(network) for network in networks], axis=1)
    np.testing.assert_allclose(embed(load_model(repeated)), parts, atol=1e-6)


def test_a_run_with_repeats_is_served(repeated, networks, waveform, tmp_path):
    """Every signature answers as all networks together, and the papers beside the model say how many there are."""
    version = export_run(repeated, tmp_path / "digits")
    served = tf.saved_model.load(str(version)).signatures
    wanted = mean_answers(networks, waveform)
    for task in wanted:
        np.testing.assert_allclose(served["serving_default"](waveform=waveform)[task], wanted[task], atol=1e-5)
    assert json.loads((version / "assets.extra" / "model.json").read_text())["networks"] == 3
    card = (version / "assets.extra" / "model_card.md").read_text()
    assert "3 networks of one recipe answer together" in card and "All together:" in card


def test_the_report_says_that_clips_were_cut(repeated):
    assert "mean of those to windows of 0.2 s" in (repeated / "report.html").read_text()


def test_files_are_answered_by_all_networks(repeated, networks, tmp_path, capsys):
    import soundfile

    clip = np.random.default_rng(1).uniform(-0.3, 0.3, 4000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", clip, 8000, subtype="FLOAT")
    predict_files(repeated, [tmp_path / "a.wav"])
    found = json.loads(capsys.readouterr().out)
    wanted = mean_answers(networks, clip[None])
    for task, values in wanted.items():
        np.testing.assert_allclose(list(found[task]["probabilities"].values()), values[0], atol=1e-4)


def test_how_sure_to_be_is_measured_on_the_mean_of_the_answers(repeated):
    tables = [pd.read_parquet(repeated / "repeats" / str(number) / "validation.parquet") for number in range(3)]
    found = json.loads((repeated / "thresholds.json").read_text())
    for task, classes in json.loads((repeated / "classes.json").read_text()).items():
        rows = [table[table["task"] == task].set_index("clip_id").sort_index() for table in tables]
        assert all(list(each.index) == list(rows[0].index) for each in rows)
        values = np.mean([np.stack(each["probabilities"]) for each in rows], axis=0)
        labels = np.array([classes.index(label) for label in rows[0]["label"]])
        assert found[task] == confidence_thresholds(labels, values)


def part(folder, number, clips, targets=None):
    place = folder / str(number)
    place.mkdir()
    for name, content in (
        ("classes", {"who": ["a", "b"]}),
        ("lengths", {"shortest_s": 1.0 + number, "longest_s": 2.0 + number, "trained_s": 2.0, "silence_peak": 0.0}),
        ("decisions", {} if targets is None else {"who": {"a": 0.2 + 0.2 * number, "b": 0.5}}),
    ):
        (place / f"{name}.json").write_text(json.dumps(content))
    values = [[0.9 - 0.1 * number, 0.1 + 0.1 * number]] * len(clips)
    table = pd.DataFrame({"clip_id": clips, "task": "who", "label": "a", "probabilities": values})
    write_table(table.assign(targets=None if targets is None else [targets] * len(clips)), place / "validation.parquet")
    return place


def test_repeats_that_validate_on_different_clips_promise_nothing(tmp_path):
    describe_together(tmp_path, [part(tmp_path, number, [f"{number}_{i}" for i in range(300)]) for number in range(2)])
    assert json.loads((tmp_path / "thresholds.json").read_text()) == {}
    lengths = json.loads((tmp_path / "lengths.json").read_text())
    assert (lengths["shortest_s"], lengths["longest_s"]) == (1.0, 3.0)


def test_repeats_that_share_their_validation_clips_promise_together(tmp_path):
    describe_together(tmp_path, [part(tmp_path, number, [str(i) for i in range(300)]) for number in range(2)])
    found = json.loads((tmp_path / "thresholds.json").read_text())["who"]
    assert [entry["share_right"] for entry in found] == [0.9, 0.95, 0.99]
    assert found[0]["min_probability"] == pytest.approx(0.85)


def test_decisions_of_tags_without_shared_clips_are_means(tmp_path):
    describe_together(tmp_path, [part(tmp_path, number, [f"{number}"], [1, 0]) for number in range(2)])
    assert json.loads((tmp_path / "decisions.json").read_text())["who"] == pytest.approx({"a": 0.3, "b": 0.5})


def test_a_repeat_without_decisions_leaves_them_to_the_others(tmp_path):
    places = [part(tmp_path, number, [f"{number}"], [1, 0]) for number in range(3)]
    (places[0] / "decisions.json").write_text("{}")
    describe_together(tmp_path, places)
    assert json.loads((tmp_path / "decisions.json").read_text())["who"] == pytest.approx({"a": 0.5, "b": 0.5})


def test_networks_of_different_classes_are_refused(networks):
    other = type(networks[0])(networks[0].input, {"digit": networks[0].output["digit"]})
    with pytest.raises(UserError, match="different tasks or classes"):
        ensemble_of([networks[0], other])
