"""A folder or table becomes an experiment that runs."""

import json
import math
import re
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import yaml
from conftest import ROOT

from mtl_tf.compose import compose
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.init.begin import begin
from mtl_tf.runs.read import load_metrics

SMALL = (
    "model.filters=[4,8]",
    "model.embedding_units=16",
    "frontend.num_mel_bins=16",
    "pipeline.shards=false",
    "quiet=true",
)


def write_tones(folder, names, rate=8000, count=10):
    """Writes a tone of its own for each name, `count` times."""
    rng = np.random.default_rng(len(names))
    for place, name in enumerate(names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            time_s = np.arange(int(rate * rng.uniform(0.3, 0.5))) / rate
            tone = 0.2 * np.sin(2 * np.pi * 400 * 2**place * time_s) + 0.1 * rng.standard_normal(len(time_s))
            soundfile.write(folder / name / f"{number}.wav", tone, rate)


def test_class_folders_become_a_run(tmp_path, capsys):
    write_tones(tmp_path / "beeps", ("high", "low"))
    assert begin([str(tmp_path / "beeps"), "name=beeps"]) == "beeps"
    assert "label: high 10, low 10" in capsys.readouterr().out
    files = sorted(
        path.relative_to(tmp_path / "my_configs").as_posix() for path in (tmp_path / "my_configs").rglob("*.yaml")
    )
    assert files == ["corpus/beeps.yaml", "experiment/beeps.yaml", "task/beeps.yaml"]
    config = compose(["experiment=beeps", "config_dir=my_configs", "training.epochs=8", *SMALL])
    assert config.tasks["beeps"].classes == ["high", "low"] and config.frontend.sample_rate == 8000
    scores = load_metrics(run_experiment(config))["test"]["beeps"]
    assert scores["n"] == 4 and scores["accuracy"] == 1.0


def test_two_corpora_with_the_same_column_make_one_run(tmp_path):
    write_tones(tmp_path / "beeps", ("high", "low"))
    write_tones(tmp_path / "hums", ("a", "b", "c"))
    (tmp_path / "hums" / "b" / "9.wav").write_bytes(b"RIFF")
    for name in ("beeps", "hums"):
        begin([str(tmp_path / name), f"name={name}", "config_dir=own"])
    both = ["corpus=[beeps,hums]", "task=[beeps,hums]", "config_dir=own", "training.epochs=1", *SMALL]
    scores = load_metrics(run_experiment(compose(["experiment=hums", *both])))["test"]
    assert {name: scores[name]["n"] for name in ("beeps", "hums")} == {"beeps": 4, "hums": 6}
    lines = [line for path in (tmp_path / "own").rglob("*.yaml") for line in path.read_text().splitlines()]
    assert len(lines) <= 38
    with pytest.raises(
        UserError, match=r"split\.strategy: each corpus of this run has a division of its own; give corpora"
    ):
        compose(["experiment=hums", "config_dir=own", "split.strategy=random"])


def test_columns_of_a_table_become_tasks_and_speakers_keep_the_test_apart(tmp_path, capsys):
    write_tones(tmp_path, ("audio",), count=24)
    lines = ["file,emotion,speaker,age,text,Class"]
    for number in range(24):
        mood = "Happy" if number == 0 else ("happy", "sad")[number % 2]
        lines.append(f"audio/{number}.wav,{mood},s{number % 6},{20 + number},only {number},{('x', 'y')[number // 12]}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    begin([str(tmp_path / "list.csv"), "name=talk"])
    said = capsys.readouterr().err
    assert "no task age: 24 values in 24 clips" in said and "no task speaker: 6 speakers" in said
    assert "spelt alike, so one class: Happy = happy" in said
    config = compose(["experiment=talk", "config_dir=my_configs"])
    # `emotion` is a shipped task, and `Class` says nothing of what is asked
    assert {name: task.classes for name, task in config.tasks.items()} == {
        "talk_emotion": ["happy", "sad"],
        "talk": ["x", "y"],
    }
    split = config.corpora["talk"].split
    assert (split.strategy, split.num_folds, split.validation_group, config.fold) == ("grouped_k_fold", 5, "speaker", 0)
    begin([str(tmp_path / "list.csv"), "name=who", "task=speaker"])
    who = compose(["experiment=who", "config_dir=my_configs"])
    assert {name: task.closed_set for name, task in who.tasks.items()} == {"who_speaker": True}
    assert who.corpora["who"].split.strategy == "random"  # who speaks can be told of known speakers alone


def test_speakers_in_the_names_of_files_keep_the_test_apart(tmp_path, capsys):
    write_tones(tmp_path / "words", ("yes", "no"), count=12)
    for path in (tmp_path / "words").rglob("*.wav"):
        path.rename(path.with_name(f"s{int(path.stem) % 6}_take{path.stem}.wav"))
    begin([str(tmp_path / "words"), "name=words", "patterns.speaker=^(?:yes|no)/(s[0-9]+)_"])
    assert "6 speakers" in capsys.readouterr().err
    config = compose(["experiment=words", "config_dir=my_configs"])
    assert config.corpora["words"].patterns == {"speaker": "^(?:yes|no)/(s[0-9]+)_"}
    assert config.corpora["words"].split.strategy == "grouped_k_fold"
    assert config.tasks["words"].classes == ["no", "yes"]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(s[0-2])_", "12 of 24 clips have no speaker, such as"),
        ("_take.*([01])[.]wav", r"\d+ of 24 clips have no speaker, such as (yes|no)/s"),
        ("take", "1 speaker is too few"),
    ],
)
def test_speakers_that_cannot_be_kept_apart_are_explained(pattern, why, tmp_path, capsys):
    write_tones(tmp_path / "words", ("yes", "no"), count=12)
    for path in (tmp_path / "words").rglob("*.wav"):
        path.rename(path.with_name(f"s{int(path.stem) % 6}_take{path.stem}.wav"))
    begin([str(tmp_path / "words"), "name=words", f"--patterns.speaker={pattern}"])
    said = capsys.readouterr().err
    assert re.search(f"a random fifth of the clips, as {why}", said) and "apart" not in said


def test_nothing_is_overwritten_without_force(tmp_path):
    write_tones(tmp_path / "beeps", ("high", "low"))
    begin([str(tmp_path / "beeps"), "name=beeps"])
    (tmp_path / "my_configs" / "task" / "beeps.yaml").write_text("mine: true\nlabels: {beeps: {column: label}}\n")
    prepared = {path: path.stat().st_mtime_ns for path in (tmp_path / "prepared").rglob("*")}
    with pytest.raises(UserError, match="are there; force=true writes anew"):
        begin([str(tmp_path / "beeps"), "name=beeps"])
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "prepared").rglob("*")} == prepared
    assert "mine" in (tmp_path / "my_configs" / "task" / "beeps.yaml").read_text()
    begin([str(tmp_path / "beeps"), "name=beeps", "force=true"])
    assert yaml.safe_load((tmp_path / "my_configs" / "task" / "beeps.yaml").read_text())["classes"] == ["high", "low"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["name=x"], "give one folder or table"),
        (["gone", "name=x"], "gone: there is no such folder or table"),
        (["beeps"], "give the corpus a name, as in: init.py beeps name=NAME"),
        (["beeps", "name=a-b"], "name=a-b: give a name of letters"),
        (["beeps", "name=fsdd"], "name=fsdd: a published corpus"),
        (["beeps", "name=trunk"], "name=trunk: this name is taken"),
        (["beeps", "name=x", "task=labl"], "task=labl: there is no such column. Did you mean label"),
        (["beeps/high", "name=x"], "holds 10 audio files and no class folders"),
        (["beeps/high/0.wav", "name=x"], "is no table; give a folder"),
        (["empty", "name=x"], "holds no WAV, FLAC, OGG or MP3"),
        (["beeps", "name=x", "patterns.speaker=(x"], r"patterns.speaker: \(x is no regular expression"),
        (
            ["beeps", "name=x", "patterns.speaker=([0-9]+)_take"],
            "patterns.speaker: .* finds nothing in any path, such as",
        ),
        (["beeps", "name=x", "patterns.speaker=([0-9]*)x"], "finds nothing in any path"),
        (["beeps", "name=x", "patterns.a=(g)", "patterns.a=(h)"], "patterns.a is given twice; give it once"),
        (["beeps", "name=x", "patterns={speaker: x}"], "give patterns.COLUMN=EXPRESSION"),
        (["beeps", "name=x", "name=y"], "name is given twice; give it once"),
        (["beeps", "name=x", "forse=true"], "unknown argument forse=true. Did you mean force"),
    ],
)
def test_mistakes_are_named_and_write_nothing(arguments, message, tmp_path):
    write_tones(tmp_path / "beeps", ("high", "low"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=message):
        begin(arguments)
    assert not (tmp_path / "my_configs").exists()


def test_the_command_prints_the_experiment_last_and_a_mistake_in_one_line(tmp_path):
    write_tones(tmp_path / "beeps", ("high", "low"))
    command = [sys.executable, str(ROOT / "scripts" / "init.py")]
    done = subprocess.run([*command, "beeps", "name=beeps", "config_dir=own"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "experiment=beeps"
    assert "next: python scripts/train.py experiment=beeps config_dir=own" in done.stderr
    done = subprocess.run([*command, "beeps", "name=beeps", "config_dir=own"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.splitlines()[-1].startswith("error: own/corpus/beeps.yaml")


def test_lengths_and_rates_follow_the_clips(tmp_path):
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        (tmp_path / "long" / label).mkdir(parents=True)
        for number in range(5):
            soundfile.write(tmp_path / "long" / label / f"{number}.wav", 0.1 * rng.standard_normal(44100 * 7), 44100)
    begin([str(tmp_path / "long"), "name=long"])
    config = compose(["experiment=long", "config_dir=my_configs"])
    assert config.frontend.sample_rate == 16000 and math.isclose(config.pipeline.clip_s, 5.0)
    assert config.options("model")["time_segments"] == 1


def test_cells_with_several_labels_become_tags(tmp_path):
    write_tones(tmp_path, ("audio",), count=24)
    tags = ("dog, rain", "dog", "", "rain, wind", "wind", "dog, wind")
    lines = ["file;heard;remark", *(f"audio/{n}.wav;{tags[n % 6]};well, number {n}, fine" for n in range(24))]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    begin([str(tmp_path / "list.csv"), "name=park"])
    config = compose(["experiment=park", "config_dir=my_configs"])
    assert list(config.tasks) == ["heard"]
    task = config.tasks["heard"]
    assert not task.exclusive and task.classes == ["dog", "rain", "wind"] and task.main_metric == "map"


def test_what_cannot_run_is_not_left_behind(tmp_path):
    """Every clip of one class is in the part that the table calls test."""
    write_tones(tmp_path, ("audio",), count=12)
    lines = [
        "file,label,split",
        *(f"audio/{n}.wav,{('a', 'b')[n // 8]},{('train', 'test')[n // 8]}" for n in range(12)),
    ]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    with pytest.raises(UserError, match="the training clips carry 1 class"):
        begin([str(tmp_path / "list.csv"), "name=one"])
    assert not (tmp_path / "my_configs").exists()


def test_columns_of_other_names_and_audio_elsewhere_are_named_as_the_messages_say(tmp_path):
    write_tones(tmp_path / "wav", ("high", "low"))
    (tmp_path / "tables").mkdir()
    rows = [f"{label}/{n}.wav;{label};p{n}" for label in ("high", "low") for n in range(10)]
    (tmp_path / "tables" / "list.csv").write_text("\n".join(["Aufnahme;Ton;Person", *rows]))
    table = str(tmp_path / "tables" / "list.csv")
    with pytest.raises(UserError, match=r"corpora\.mine\.columns\.file=COLUMN"):
        begin([table, "name=mine"])
    with pytest.raises(UserError, match=r"corpora\.mine\.audio_dir=DIR"):
        begin([table, "name=mine", "corpora.mine.columns.file=Aufnahme"])
    begin([table, "name=mine", "columns.file=Aufnahme", "columns.speaker=Person", "corpora.mine.audio_dir=../wav"])
    config = compose(["experiment=mine", "config_dir=my_configs"])
    assert list(config.tasks) == ["Ton"] and config.corpora["mine"].split.strategy == "grouped_k_fold"


def test_files_outside_the_tables_folder_are_decoded(tmp_path):
    write_tones(tmp_path / "wav", ("high", "low"))
    (tmp_path / "tables").mkdir()
    places = [f"{tmp_path}/wav/high", "../wav/low"]
    rows = [f"{place}/{n}.wav,{place[-3:]}" for place in places for n in range(10)]
    (tmp_path / "tables" / "list.csv").write_text("\n".join(["file,tone", *rows]))
    begin([str(tmp_path / "tables"), "name=far"])
    folder = run_experiment(compose(["experiment=far", "config_dir=my_configs", "training.epochs=1", *SMALL]))
    assert load_metrics(folder)["test"]["tone"]["n"] == 4


def test_a_person_is_told_what_to_look_at(tmp_path, capsys):
    write_tones(tmp_path, ("audio",), count=12)
    rows = [f"audio/{n}.wav;{('ja', 'nein')[n % 2]};{n % 4 / 2};{('a', 'b')[n % 2] if n else 'c'}" for n in range(12)]
    (tmp_path / "list.csv").write_text("\n".join(["file;rain;loudness;kind", *rows]))
    begin([str(tmp_path / "list.csv"), "name=look"])
    said = capsys.readouterr().err
    assert "no task loudness: 4 different numbers" in said and "12 clips are few" in said
    assert "kind: c is in fewer than 3 clips" in said and "rain is yes or no" in said


@pytest.mark.parametrize(
    "cells", [("dog,rain", "dog"), ("animal,loud", "thing,motor,loud", "thing,soft", "animal,soft")]
)
def test_a_label_in_other_company_is_a_tag(cells, tmp_path):
    write_tones(tmp_path, ("audio",), count=24)
    rows = [f"audio/{n}.wav;{cells[n % len(cells)] if n % 7 else ''}" for n in range(24)]
    (tmp_path / "list.csv").write_text("\n".join(["file;heard", *rows]))
    begin([str(tmp_path / "list.csv"), "name=park"])
    task = compose(["experiment=park", "config_dir=my_configs"]).tasks["heard"]
    assert not task.exclusive and task.classes == sorted({tag for cell in cells for tag in cell.split(",")})


@pytest.mark.parametrize(
    "kind", ["txt", pytest.param("jams", marks=pytest.mark.slow), pytest.param("csv", marks=pytest.mark.slow)]
)
def test_events_become_a_run(kind, tmp_path):
    rng, rows = np.random.default_rng(0), ["file,onset,offset,label"]
    place = tmp_path / "scenes"
    place.mkdir()
    for number in range(10):
        soundfile.write(place / f"{number}.wav", 0.1 * rng.standard_normal(16000), 8000)
        events = [(0.2, 0.8, "dog"), (1.0, 1.5, "cat")][: 1 + number % 2]
        rows += [f"{number}.wav,{onset},{offset},{label}" for onset, offset, label in events]
        if kind == "txt":
            lines = (f"{onset}\t{offset}\t{label}\n" for onset, offset, label in events)
            (place / f"{number}.txt").write_text("".join(lines))
        if kind == "jams":
            data = [{"time": on, "duration": off - on, "value": label} for on, off, label in events]
            content = {"annotations": [{"namespace": "tag_open", "data": data}]}
            (place / f"{number}.jams").write_text(json.dumps(content))
    if kind == "csv":
        (place / "events.csv").write_text("\n".join(rows))
    begin([str(place), "name=scenes", "config_dir=own"])
    small = ("model.filters=[4,4,4]", "model.recurrent_units=4", "pipeline.shards=false", "quiet=true")
    config = compose(["experiment=scenes", "config_dir=own", "training.epochs=1", *small])
    name = "scenes_events" if kind == "csv" else "events"
    task = config.tasks[name]
    assert task.kind == "frame_multi_label" and task.classes == ["cat", "dog"] and config.model.name == "crnn"
    scores = load_metrics(run_experiment(config))["test"]
    assert scores[name]["n"] == 2 and 0 <= scores[name]["frame_f1"] <= 1
