"""A run with tags and events of the same clips, from its scores to its server."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.evaluation.windows import Windows
from mtl_tf.experiment import run_experiment
from mtl_tf.models.build import answer
from mtl_tf.models.steps import steps_of
from mtl_tf.runs.load_model import load_model
from mtl_tf.runs.predict_files import predict_files
from mtl_tf.runs.score_again import evaluate_run
from mtl_tf.serving.client import Client
from mtl_tf.serving.export import export_run
from mtl_tf.tasks.task import Task

RATE = 8000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("events")
    places = (f"prepared_dir={place / 'prepared'}", f"runs_dir={place / 'runs'}")
    return run_experiment(compose(["experiment=synthetic_events", *places, "quiet=true"]))


@pytest.fixture(scope="module")
def exported(folder):
    return export_run(folder, folder.parent / "model", formats=["lite"])


@pytest.fixture(scope="module")
def clip(folder):
    return soundfile.read(folder.parents[2] / "prepared/synthetic_events/audio/test/0003.wav", dtype="float32")[0]


def test_a_working_system_finds_the_events_and_tags_the_clips(folder):
    scores = json.loads((folder / "metrics.json").read_text())["test"]
    tags, events = scores["event_tags"], scores["sound_events"]
    assert tags["map"] >= 0.98 and tags["macro_f1"] >= 0.95 and tags["n"] == 100
    assert events["event_f1"] >= 0.95 and events["segment_error_rate"] < 0.1 and events["n"] == 100
    assert events["event_f1_interval"][0] <= events["event_f1"] <= events["event_f1_interval"][1]
    assert events["frame_f1"] > events["chance"] + 0.5 and events["event_error_rate"] < 0.2
    assert {"segment_f1", "detection_cost", "eer", "psds", "intersection_f1"} <= set(events)


def test_the_report_shows_event_rolls_and_every_score(folder):
    page = (folder / "report.html").read_text()
    for words in ("segment error rate", "Precision and recall of tags and events", "steps answered as annotated"):
        assert words in page
    assert "sound_events: events" in page


def test_scoring_again_gives_the_same_scores(folder):
    stored = json.loads((folder / "metrics.json").read_text())["test"]["sound_events"]
    again = evaluate_run(folder)["sound_events"]
    for name in ("event_f1", "segment_error_rate", "frame_f1"):
        assert again[name] == pytest.approx(stored[name], abs=1e-6)
    predictions = pd.read_parquet(folder / "predictions.parquet")
    rows = predictions[predictions["task"] == "sound_events"]
    assert all(len(row.targets) == len(row.probabilities) for row in rows.itertuples())


def lines_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_answers_go_into_files_of_every_kind(folder, clip, tmp_path, capsys):
    file = tmp_path / "a clip.wav"
    soundfile.write(file, clip, RATE)
    predict_files(folder, [file], out=tmp_path / "out.txt")
    (line,) = lines_of(capsys)
    events = line["sound_events"]
    assert all(set(event) == {"onset_s", "offset_s", "label", "probability"} for event in events)
    assert set(line["event_tags"]["tags"]) == {event["label"] for event in events}
    track = [row.split("\t") for row in (tmp_path / "out.txt").read_text().splitlines()]
    assert [(float(on), float(off), label) for on, off, label in track] == [
        (event["onset_s"], event["offset_s"], event["label"]) for event in events
    ]
    predict_files(folder, [file], out=tmp_path / "out.rttm")
    words = [row.split() for row in (tmp_path / "out.rttm").read_text().splitlines()]
    assert all(len(row) == 10 and row[:2] == ["SPEAKER", "a_clip"] for row in words) and len(words) == len(events)
    for suffix, separator in ((".csv", ","), (".tsv", "\t")):
        predict_files(folder, [file, file], out=tmp_path / f"out{suffix}")
        table = pd.read_csv(tmp_path / f"out{suffix}", sep=separator)
        assert list(table) == ["file", "task", "onset", "offset", "label", "probability", "trust"]
        assert (table["task"] == "sound_events").sum() == 2 * len(events)
        assert (table["task"] == "event_tags").sum() == 2


@pytest.mark.parametrize(
    ("out", "count", "message"),
    [
        ("out.xls", 1, "give a name that ends in .csv, .tsv, .rttm or .txt"),
        ("nowhere/out.csv", 1, "there is no folder"),
        ("out.txt", 2, "a label track of Audacity is of one file, and these are 2"),
    ],
)
def test_a_file_that_cannot_hold_the_answers_is_refused_at_once(folder, clip, out, count, message, tmp_path):
    soundfile.write(tmp_path / "a.wav", clip, RATE)
    with pytest.raises(UserError, match=message):
        predict_files(folder, [tmp_path / "a.wav"] * count, out=tmp_path / out)
    assert not (tmp_path / out).exists()


def test_a_run_without_events_writes_no_rttm(finished_run, tmp_path):
    with pytest.raises(UserError, match="RTTM holds events, and no task of this run has some"):
        predict_files(finished_run, [tmp_path / "a.wav"], out=tmp_path / "out.rttm")


def test_windows_find_the_events_of_the_whole(folder, clip, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", clip, RATE, "FLOAT")
    predict_files(folder, [tmp_path / "a.wav"])
    (whole,) = lines_of(capsys)
    predict_files(folder, [tmp_path / "a.wav"], Windows(2.0, 0.5))
    *windows, merged = lines_of(capsys)
    assert all("start_s" in line and "sound_events" not in line for line in windows) and "start_s" not in merged
    pairs = zip(whole["sound_events"], merged["sound_events"], strict=True)
    for one, other in pairs:
        assert one["label"] == other["label"] and abs(one["onset_s"] - other["onset_s"]) < 0.15


def test_the_served_model_answers_steps_with_their_time(folder, exported, clip):
    signatures = tf.saved_model.load(str(exported)).signatures
    model = load_model(folder)
    task = Task("sound_events", ("chirp", "clicks", "noise", "tone"), "frame_f1", exclusive=False, of_frames=True)
    steps = steps_of(model, {"sound_events": task})
    batch = np.stack([clip, np.concatenate([clip[:9001], np.full(len(clip) - 9001, 0.5, np.float32)])])
    counted = np.array([len(clip), 9001], np.int32)
    found = signatures["with_length"](waveform=tf.constant(batch), length=tf.constant(counted))
    expected = answer(model, batch, counted)
    own = [steps.count(int(count)) for count in counted]
    time_s = found["time_s"].numpy()
    for row, number in enumerate(own):
        np.testing.assert_allclose(
            found["sound_events"][row, :number], np.asarray(expected["sound_events"])[row, :number], atol=1e-5
        )
        np.testing.assert_allclose(time_s[row, :number], steps.of(int(counted[row])).middles_s, atol=1e-5)
        assert (time_s[row, number:] == -1).all()
    alone = signatures["serving_default"](waveform=tf.constant(batch[1:, :9001]))
    np.testing.assert_allclose(alone["sound_events"][0], found["sound_events"][1, : own[1]], atol=1e-5)
    only = signatures["task_sound_events"](waveform=tf.constant(batch[:1]))
    assert set(only) == {"sound_events", "time_s"}
    windows = signatures["windows"](waveform=tf.constant(clip), window_s=tf.constant(1.0), hop_s=tf.constant(0.5))
    part = signatures["serving_default"](waveform=tf.constant(clip[None, 4000:12_000]))
    np.testing.assert_allclose(windows["sound_events"][1], part["sound_events"][0], atol=1e-5)
    np.testing.assert_allclose(windows["time_s"][1], part["time_s"][0] + 0.5, atol=1e-5)
    assert "classify_sound_events" not in signatures and "classify_event_tags" in signatures


class LocalTransport:
    """Answers a client from a SavedModel in this process."""

    def __init__(self, folder):
        self.model = tf.saved_model.load(str(folder))

    def predict(self, signature, inputs, outputs):
        values = {key: tf.constant(value.tolist() if value.dtype == object else value) for key, value in inputs.items()}
        found = self.model.signatures[signature](**values)
        return {name: found[name].numpy() for name in outputs}


def test_a_client_finds_the_same_events_as_the_run(folder, exported, clip, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", clip, RATE, "FLOAT")
    predict_files(folder, [tmp_path / "a.wav"])
    (line,) = lines_of(capsys)
    client = Client("localhost:8500", "model")
    client._transport = LocalTransport(exported)
    (record,) = client.predict_files([tmp_path / "a.wav"])
    assert record["sound_events"] == [
        event | {"probability": pytest.approx(event["probability"], abs=1e-4)} for event in line["sound_events"]
    ]
    card = (exported / "assets.extra" / "model_card.md").read_text()
    assert "asked of every step in time" in card and "| sound_events |" in card
