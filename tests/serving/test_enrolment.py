"""A run whose features are normalised over speakers: training, scoring again, predicting, serving."""

import json

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.evaluation.predict import predict_clips
from mtl_tf.experiment import run_experiment
from mtl_tf.models.build import answer
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.predict_files import predict_files
from mtl_tf.runs.score_again import evaluate_run
from mtl_tf.runs.walk import prepare, read_clips
from mtl_tf.serving.export import export_run
from mtl_tf.training.group_statistics import fit_group_statistics

OVER_SPEAKERS = "frontend.normalize_over=speaker"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    from conftest import SMALL_RUN, write_tone_corpus

    folder = tmp_path_factory.mktemp("speakers")
    data = write_tone_corpus(folder / "data")
    places = (f"data_root={data}", f"prepared_dir={folder / 'prepared'}", f"runs_dir={folder / 'runs'}")
    config = compose([*SMALL_RUN, *places, OVER_SPEAKERS, "training.epochs=6"])
    return config, run_experiment(config), data


def test_the_report_says_that_clips_of_the_test_were_used(made):
    metrics = json.loads((made[1] / "metrics.json").read_text())
    assert any("all clips of the same speaker, those of the test among them" in note for note in metrics["notes"])
    assert "all clips of the same speaker" in (made[1] / "report.html").read_text()


def test_statistics_are_those_of_all_clips_of_a_speaker(made):
    config = made[0]
    ready = prepare(config, read_clips)
    fit_group_statistics(config, ready.data.manifest, ready.source)
    frontend = load_model(made[1]).get_layer("frontend")
    speakers = ready.data.manifest["speaker"].to_numpy()
    for speaker in set(speakers):
        rows = np.flatnonzero(speakers == speaker)
        frames = np.concatenate([np.asarray(frontend.raw(ready.source.samples(row)[None])[0])[0] for row in rows])
        mean, deviation = frames.astype(np.float64).mean(0), frames.astype(np.float64).std(0)
        expected = frontend.spread(mean, deviation)
        for name, values in zip(("mean", "deviation"), expected, strict=True):
            np.testing.assert_allclose(
                ready.source.statistics[name][rows],
                np.broadcast_to(values, (len(rows), len(mean))),
                rtol=1e-3,
                atol=1e-3,
            )


def test_a_clip_is_answered_alone_as_among_others(made):
    config = made[0]
    ready = prepare(config, read_clips)
    fit_group_statistics(config, ready.data.manifest, ready.source)
    model = load_model(made[1])
    together = predict_clips(model, ready.source, np.arange(6), config.pipeline)
    alone = predict_clips(model, ready.source, np.array([4]), config.pipeline)
    for task, values in together.items():
        np.testing.assert_allclose(alone[task][0], values[4], atol=1e-5)


def test_scoring_again_gives_the_same_scores(made):
    first = json.loads((made[1] / "metrics.json").read_text())["test"]
    for task, scores in evaluate_run(made[1]).items():
        assert scores["accuracy"] == pytest.approx(first[task]["accuracy"])


@pytest.fixture(scope="module")
def served(made, tmp_path_factory):
    return tf.saved_model.load(str(export_run(made[1], tmp_path_factory.mktemp("served") / "digits"))).signatures


def test_a_server_learns_of_a_speaker_and_uses_it(made, served):
    model = load_model(made[1])
    rng = np.random.default_rng(0)
    waveform = (0.1 * rng.standard_normal((3, 4000))).astype(np.float32)
    length = np.array([4000, 2600, 3000], np.int32)
    known = served["enrol"](waveform=tf.constant(waveform), length=tf.constant(length))
    frontend = model.get_layer("frontend")
    features, mask = (np.asarray(values) for values in frontend.raw(waveform, length))
    frames = features[mask].astype(np.float64)
    expected = frontend.spread(frames.mean(0), frames.std(0))
    for name, values in zip(("mean", "deviation"), expected, strict=True):
        np.testing.assert_allclose(known[name].numpy()[0], values, rtol=1e-3, atol=1e-3)
    answers = served["with_statistics"](waveform=tf.constant(waveform), length=tf.constant(length), **known)
    rows = {name: np.repeat(values.numpy(), 3, axis=0) for name, values in known.items()}
    for task, values in answer(model, waveform, length, **rows).items():
        np.testing.assert_allclose(answers[task], values, atol=1e-5)
    plain = served["with_length"](waveform=tf.constant(waveform), length=tf.constant(length))
    for task, values in answer(model, waveform, length).items():
        np.testing.assert_allclose(plain[task], values, atol=1e-5)
        assert np.abs(plain[task].numpy() - answers[task].numpy()).max() > 1e-4


@pytest.mark.parametrize(
    "rows, value, message", [(2, 1.0, "one row for each clip"), (1, np.nan, "not finite"), (1, 0.0, "above 0")]
)
def test_a_server_refuses_statistics_that_cannot_be(served, rows, value, message, made):
    bins = load_model(made[1]).get_layer("frontend").num_bins
    wrong = tf.fill([rows, bins], np.float32(value))
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served["with_statistics"](waveform=tf.zeros([3, 4000]), length=tf.fill([3], 4000), mean=wrong, deviation=wrong)


def test_files_are_answered_with_the_clips_of_their_speaker(made, tmp_path, capsys):
    rng = np.random.default_rng(0)
    file = tmp_path / "a.wav"
    clip = (0.1 * rng.standard_normal(4000)).astype(np.float32)
    soundfile.write(file, clip, 8000, subtype="FLOAT")
    model = load_model(made[1])
    predict_files(made[1], [file])
    captured = capsys.readouterr()
    assert "give enrol=DIR with clips of the speaker" in captured.err
    plain = json.loads(captured.out)
    predict_files(made[1], [file], enrol=tmp_path)
    with_speaker = json.loads(capsys.readouterr().out)
    frontend = model.get_layer("frontend")
    frames = np.asarray(frontend.raw(clip[None])[0])[0].astype(np.float64)
    mean, deviation = (values[None].astype(np.float32) for values in frontend.spread(frames.mean(0), frames.std(0)))
    expected = answer(model, clip[None], mean=mean, deviation=deviation)
    for task, values in expected.items():
        found = [with_speaker[task]["probabilities"][name] for name in with_speaker[task]["probabilities"]]
        np.testing.assert_allclose(found, np.asarray(values)[0], atol=1e-4)
    assert plain != with_speaker


def test_mistakes_are_explained(made, finished_run, tmp_path):
    file = tmp_path / "a.wav"
    soundfile.write(file, np.zeros(4000), 8000)
    with pytest.raises(UserError, match="there is no audio file"):
        predict_files(made[1], [file], enrol=tmp_path / "nothing")
    with pytest.raises(UserError, match="does not normalise over groups"):
        predict_files(finished_run, [file], enrol=tmp_path)
    config = made[0].model_copy(update={"frontend": made[0].frontend.model_copy(update={"normalize_over": "speakr"})})
    ready = prepare(made[0], read_clips)
    with pytest.raises(UserError, match=r"no such column\. Did you mean speaker"):
        fit_group_statistics(config, ready.data.manifest, ready.source)
