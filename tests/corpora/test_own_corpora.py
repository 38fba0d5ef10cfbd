"""Corpora that configuration describes: folders of classes, and tables of any make."""

import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from mtl_tf.config import AuditConfig, CorpusConfig
from mtl_tf.corpora import KINDS, open_corpus
from mtl_tf.corpora.table import RESERVED
from mtl_tf.data.manifest import COLUMNS, FACTS, FOUND, label_columns, list_clips
from mtl_tf.data.prepare import prepare_corpus
from mtl_tf.errors import UserError

ODD_LABELS = ["NA", "None", "null", "nan", "01", "1.0", "true", "grün", 'say "x"', "a b"]


def write_audio(*paths, seconds=0.2, rate=8000):
    rng = np.random.default_rng(len(paths))
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * rng.standard_normal(int(seconds * rate)), rate)


def listed(place, kind="table", **options):
    corpus = open_corpus("mine", CorpusConfig(name=kind, path=str(place), **options))
    return list_clips(corpus, corpus.root(None, place))


def test_class_folders(tmp_path):
    write_audio(tmp_path / "dog" / "a.wav", tmp_path / "cat" / "deep" / "b.flac")
    table = listed(tmp_path, "folders")
    assert dict(zip(table["path"], table["label"], strict=True)) == {"dog/a.wav": "dog", "cat/deep/b.flac": "cat"}
    assert table["official_split"].isna().all() and table["clip_id"].str.startswith("mine/").all()


def test_parts_above_class_folders_are_the_official_split_only_if_nothing_else_is_there(tmp_path):
    write_audio(*(tmp_path / part / "dog" / "a.wav" for part in ("Train", "val", "testing")))
    table = listed(tmp_path, "folders")
    assert set(table["official_split"]) == {"train", "validation", "test"} and set(table["label"]) == {"dog"}
    write_audio(tmp_path / "exam" / "dog" / "a.wav")
    assert set(listed(tmp_path, "folders")["label"]) == {"Train", "val", "testing", "exam"}


def test_levels_name_folders_within_folders_and_files_above_them_are_listed(tmp_path):
    write_audio(tmp_path / "anna" / "angry" / "a.wav", tmp_path / "anna" / "b.wav")
    table = listed(tmp_path, "folders", levels=["speaker", "mood"]).set_index("path")
    assert table.loc["anna/angry/a.wav", ["speaker", "mood"]].tolist() == ["anna", "angry"]
    assert table.loc["anna/b.wav", "misfit"] == "it lies in no class folder, as SPEAKER/MOOD/1.wav does"


def test_patterns_read_columns_from_paths(tmp_path):
    write_audio(*(tmp_path / "dog" / name for name in ("12_take3.wav", "7_take1.wav", "other.wav")))
    patterns = {"speaker": "([0-9]+)_take", "session": "take[0-9]"}
    table = listed(tmp_path, "folders", patterns=patterns).set_index("path").sort_index()
    assert table["speaker"].fillna("-").tolist() == ["12", "7", "-"]
    assert table["session"].fillna("-").tolist() == ["take3", "take1", "-"]
    assert table["label"].tolist() == ["dog"] * 3
    with pytest.raises(UserError, match=r"corpora\.mine\.patterns\.speaker: x finds nothing in any path, such as dog/"):
        listed(tmp_path, "folders", patterns={"speaker": "x"})
    table = listed(tmp_path, "folders", patterns={"fold": "take([0-9])"}).set_index("path").sort_index()
    assert table["official_fold"].fillna(-1).tolist() == [3, 1, -1]
    with pytest.raises(UserError, match=r"patterns\.peak: the project has a column of that name"):
        listed(tmp_path, "folders", patterns={"peak": "dog"})
    with pytest.raises(UserError, match=r"patterns\.fold: a fold is a number, and \(take\.\) finds take"):
        listed(tmp_path, "folders", patterns={"fold": "(take.)"})
    with pytest.raises(ValueError, match=r"speaker: \( is no regular expression"):
        CorpusConfig(name="folders", patterns={"speaker": "("})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_labels_of_a_text_table_stay_what_they_are(delimiter, encoding, tmp_path):
    write_audio(*(tmp_path / f"{number}.wav" for number in range(len(ODD_LABELS))))
    quoted = ['"' + label.replace('"', '""') + '"' for label in ODD_LABELS]
    lines = [f"file{delimiter}label", *(f"{number}.wav{delimiter}{label}" for number, label in enumerate(quoted))]
    (tmp_path / "list.csv").write_bytes("\r\n".join(lines).encode(encoding))
    table = listed(tmp_path / "list.csv").set_index("path")
    assert [table.loc[f"{number}.wav", "label"] for number in range(len(ODD_LABELS))] == ODD_LABELS


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".tsv"])
def test_other_formats_give_the_same_labels(suffix, tmp_path):
    rows = [{"file_name": "a.wav", "mood": "01", "fold": 1}, {"file_name": "b.wav", "mood": None, "fold": 2}]
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav")
    path = tmp_path / f"metadata{suffix}"
    if suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    elif suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        path.write_text("file_name\tmood\tfold\na.wav\t01\t1\nb.wav\t\t2\n")
    table = listed(tmp_path)
    assert table["mood"].tolist() == ["01", pd.NA] and table["official_fold"].tolist() == [1, 2]


def test_a_part_of_a_file_is_a_clip_whether_times_are_seconds_or_timedeltas(tmp_path):
    write_audio(tmp_path / "long.wav", seconds=3)
    (tmp_path / "seconds.csv").write_text("file;start;end;label\nlong.wav;0,5;1,25;a\nlong.wav;1,25;;b\n")
    (tmp_path / "deltas.csv").write_text(
        "file,start,end,label\nlong.wav,0 days 00:00:00.500000,0 days 00:00:01.250000,a\nlong.wav,00:00:01.25,NaT,b\n"
    )
    for name in ("seconds.csv", "deltas.csv"):
        corpus = open_corpus("mine", CorpusConfig(name="table", path=str(tmp_path / name)))
        manifest, _ = prepare_corpus(corpus, None, tmp_path / "prepared", AuditConfig(), quiet=True)
        assert manifest["start_frame"].tolist() == [4000, 10000]
        assert manifest["num_frames"].tolist() == [6000, 14000]
        assert (manifest["error"] == "").all() and manifest["label"].tolist() == ["a", "b"]


def test_whole_files_and_parts_of_files_stand_in_one_table(tmp_path):
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav", seconds=1)
    (tmp_path / "list.csv").write_text("file,start,end,label\na.wav,,,x\nb.wav,0.5,,y\nb.wav,,0.25,z\n")
    corpus = open_corpus("mine", CorpusConfig(name="table", path=str(tmp_path)))
    manifest, _ = prepare_corpus(corpus, None, tmp_path / "prepared", AuditConfig(), quiet=True)
    found = manifest.set_index("label")[["start_frame", "num_frames"]]
    assert found.loc[["x", "y", "z"]].to_numpy().tolist() == [[0, 8000], [4000, 4000], [0, 2000]]


def test_hugging_face_folders_and_tables_named_after_parts_tell_the_official_split(tmp_path):
    for part in ("train", "test"):
        write_audio(tmp_path / "hf" / part / f"{part}.wav", tmp_path / "named" / "audio" / f"{part}.wav")
        (tmp_path / "hf" / part / "metadata.csv").write_text(f"file_name,label\n{part}.wav,x\n")
        (tmp_path / "named" / f"{part}.csv").write_text(f"file,class\naudio/{part}.wav,x\n")
    for folder in ("hf", "named"):
        table = listed(tmp_path / folder)
        assert table["official_split"].tolist() == ["test", "train"], folder
        assert all((tmp_path / folder / path).is_file() for path in table["path"])


def test_columns_that_are_called_like_a_split_and_hold_other_things_are_labels(tmp_path):
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav")
    (tmp_path / "list.csv").write_text("path,subset,fold\na.wav,ESC10,left\nb.wav,ESC50,right\n")
    table = listed(tmp_path)
    assert table["subset"].tolist() == ["ESC10", "ESC50"] and table["official_split"].isna().all()
    assert table["fold"].tolist() == ["left", "right"] and table["official_fold"].isna().all()


def test_columns_may_be_named_and_files_lie_elsewhere_in_another_container(tmp_path):
    write_audio(tmp_path / "audio" / "deep" / "a.flac", tmp_path / "audio" / "b.wav")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "list.csv").write_text("what,who,clip\nx,anna,deep\\a.wav\ny,bob,b.wav\n")
    options = {"columns": {"file": "clip", "speaker": "who"}, "audio_dir": "../audio"}
    table = listed(tmp_path / "tables" / "list.csv", **options)
    assert table["path"].tolist() == ["b.wav", "deep/a.flac"]
    assert table["speaker"].tolist() == ["bob", "anna"] and label_columns(table) == ["what"]


def test_a_row_without_its_file_is_listed_and_a_table_without_any_is_refused(tmp_path):
    write_audio(tmp_path / "a.wav")
    (tmp_path / "list.csv").write_text("file,label\na.wav,x\nmissing.wav,y\n,z\n")
    table = listed(tmp_path)
    reasons = dict(zip(table["path"], table["misfit"], strict=True))
    assert pd.isna(reasons["a.wav"]) and reasons["missing.wav"].startswith(
        "listed in line 3 of list.csv, and not below"
    )
    assert "line 4" in reasons["list.csv line 4"]
    (tmp_path / "list.csv").write_text("file,label\nwav/a.wav,x\n")
    with pytest.raises(UserError, match=r"no file of the table is below .*wav/a\.wav.*corpora\.mine\.audio_dir=DIR"):
        listed(tmp_path)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("sound,label\na.wav,x\n", {}, r"no column file, file_name.*corpora\.mine\.columns\.file=COLUMN"),
        ("file,label\na.wav,x\n", {"columns": {"speaker": "labl"}}, "no such column. Did you mean label"),
        ("file,label\na.wav,x\n", {"columns": {"colour": "label"}}, "columns.colour: the columns are file, start"),
        ("file,start,end\na.wav,1,0.5\n", {}, "line 2: from 1 to 0.5 s is no clip"),
        ("file,start,end\na.wav,soon,\n", {}, "line 2: start is 'soon'; a time in seconds"),
        ("file,label\na.wav,x\na.wav,y\n", {}, "1 clip is listed twice"),
        ("file,label\na.wav,x,z\n", {}, "line 2 has 3 cells where the header has 2"),
        ("file,label\na.wav,x\n", {"audio_dir": "nowhere"}, "audio_dir is .*nowhere, which is no folder"),
    ],
)
def test_mistakes_of_a_table_are_named(content, options, message, tmp_path):
    write_audio(tmp_path / "a.wav")
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        listed(tmp_path / "list.csv", **options)


def test_labels_called_like_what_the_project_measures_survive(tmp_path):
    assert {*COLUMNS, *FACTS, *FOUND} == RESERVED
    names = sorted(RESERVED - {"path", "speaker", "session", "split", "official_split", "official_fold", "start_s"})
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav")
    rows = [",".join(["file", *names]), *(",".join([name, *["x"] * len(names)]) for name in ("a.wav", "b.wav"))]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    corpus = open_corpus("mine", CorpusConfig(name="table", path=str(tmp_path)))
    manifest, _ = prepare_corpus(corpus, None, tmp_path / "prepared", AuditConfig(), quiet=True)
    assert (manifest[[f"{name}_" for name in names]] == "x").all(axis=None)
    assert manifest.columns.is_unique


def test_a_published_corpus_takes_a_folder_and_no_layout(tmp_path):
    with pytest.raises(UserError, match=r"corpora\.digits\.levels: fsdd is a published corpus"):
        open_corpus("digits", CorpusConfig(name="fsdd", levels=["x"]))
    corpus = open_corpus("digits", CorpusConfig(name="fsdd", path=str(tmp_path)))
    assert corpus.root(None, tmp_path) == tmp_path
    assert open_corpus("digits", CorpusConfig(name="fsdd")).path is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_place_that_is_not_there_is_named(kind, tmp_path):
    with pytest.raises(UserError, match=r"there is no .*gone; give its place with corpora\.mine\.path"):
        listed(tmp_path / "gone", kind)


def test_rows_with_onsets_are_events_of_one_clip(tmp_path):
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.wav", seconds=1)
    rows = [
        "file,onset,offset,label,room",
        "a.wav,0.1,0.3,dog,hall",
        "a.wav,0.2,0.9,rain,hall",
        "a.wav,0.4,0.5,dog,hall",
    ]
    (tmp_path / "events.csv").write_text("\n".join([*rows, "b.wav,,,,yard", "c.wav,0,1,rain,"]))
    table = listed(tmp_path).set_index("path")
    assert table["label"].tolist() == ["dog;rain", pd.NA, "rain"]
    assert table["room"].tolist() == ["hall", "yard", pd.NA]
    (tmp_path / "events.csv").write_text("file,onset,offset,label,split\na.wav,0,1,dog,train\na.wav,0,1,dog,test\n")
    with pytest.raises(UserError, match=r"line 3: official_split is 'test', and 'train' in another row of a\.wav"):
        listed(tmp_path)
    (tmp_path / "events.csv").write_text("file,onset,offset,label\na.wav,0,late,dog\n")
    with pytest.raises(UserError, match="line 2: offset is 'late'"):
        listed(tmp_path)


def write_database(root):
    audformat = pytest.importorskip("audformat", reason="the extra audformat is not installed")
    write_audio(*(root / "audio" / f"{number}.wav" for number in (1, 2, 3)), seconds=1)
    database = audformat.Database("mini", license="CC-BY-4.0")
    database.schemes["emotion"] = audformat.Scheme(labels=["happy", "sad"])
    database.schemes["speaker"] = audformat.Scheme(labels={"01": {"gender": "female"}, "02": {"gender": "male"}})
    for split, kind in (("training", "train"), ("held out", "test")):
        database.splits[split] = audformat.Split(kind)
    rows = {"training": (["audio/1.wav", "audio/2.wav"], ["happy", "sad"], ["01", "02"])}
    rows["held out"] = (["audio/3.wav"], ["sad"], ["01"])
    for split, (files, emotions, speakers) in rows.items():
        table = database[f"emotion.{split.split()[0]}"] = audformat.Table(
            audformat.filewise_index(files), split_id=split
        )
        for name, values in (("emotion", emotions), ("speaker", speakers)):
            table[name] = audformat.Column(scheme_id=name)
            table[name].set(values)
    parts = audformat.segmented_index(["audio/1.wav"] * 2, ["0s", "0.25s"], ["0.25s", "1s"])
    database["parts"] = audformat.Table(parts)
    database["parts"]["peak"] = audformat.Column()
    database["parts"]["peak"].set(["low", None])
    database.save(root)


def test_an_audformat_database(tmp_path):
    write_database(tmp_path / "db")
    corpus = open_corpus("mine", CorpusConfig(name="audformat", path=str(tmp_path / "db")))
    manifest, _ = prepare_corpus(corpus, None, tmp_path / "prepared", AuditConfig(), quiet=True)
    table = manifest.set_index("clip_id")
    whole = table.loc[[f"mine/audio/{number}.wav" for number in (1, 2, 3)]]
    assert whole["emotion"].tolist() == ["happy", "sad", "sad"] and whole["speaker"].tolist() == ["01", "02", "01"]
    assert whole["gender"].tolist() == ["female", "male", "female"]
    assert whole["official_split"].tolist() == ["train", "train", "test"]
    parts = table.drop(whole.index)
    assert parts["start_frame"].tolist() == [0, 2000] and parts["num_frames"].tolist() == [2000, 6000]
    assert parts["peak_"].tolist() == ["low", pd.NA] and corpus.title == "mini"
    (tmp_path / "db" / "db.yaml").write_text("name: [")
    with pytest.raises(UserError, match=r"db\.yaml cannot be read"):
        listed(tmp_path / "db", "audformat")
    with pytest.raises(UserError, match=r"holds no db\.yaml"):
        listed(tmp_path, "audformat")
