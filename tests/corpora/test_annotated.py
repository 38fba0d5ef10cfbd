"""Audio with RTTM, UEM, JAMS files or label tracks beside it, and tables of events."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from mtl_tf.annotations import read_events
from mtl_tf.config import AuditConfig, CorpusConfig
from mtl_tf.corpora import open_corpus
from mtl_tf.corpora.annotation_files import read_jams, read_label_track, read_rttm, read_uem
from mtl_tf.data.manifest import list_clips
from mtl_tf.data.prepare import prepare_corpus
from mtl_tf.errors import UserError

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "data" / "published_metadata"
published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the publishers' own tables are not here")


def write_audio(*paths, seconds=2.0):
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * np.random.default_rng(number).standard_normal(int(seconds * 8000)), 8000)


def corpus_of(place, kind="annotated", **options):
    return open_corpus("mine", CorpusConfig(name=kind, path=str(place), **options))


def listed(place, kind="annotated", **options):
    corpus = corpus_of(place, kind, **options)
    return list_clips(corpus, corpus.root(None, place)).set_index("path")


def jams(*events, namespace="scaper"):
    data = [{"time": onset, "duration": length, "value": value, "confidence": 1.0} for onset, length, value in events]
    return json.dumps({"annotations": [{"namespace": namespace, "data": data}], "file_metadata": {}})


def test_turns_are_speech_and_what_no_map_lists_is_not_known(tmp_path):
    write_audio(*(tmp_path / "wav" / f"{name}.wav" for name in ("a", "b", "c", "d")))
    lines = (
        "a 1 0.5 0.5 <NA> <NA> anna <NA> <NA>",
        "a 1 0.8 0.4 <NA> <NA> ben <NA> <NA>",
        "b 1 1.0 0.5 <NA> <NA> anna <NA> <NA>",
    )
    (tmp_path / "set.train.rttm").write_text("".join(f"SPEAKER {line}\n" for line in lines))
    (tmp_path / "set.train.uem").write_text("a 1 0.25 1.5\nc 1 0 2\n")
    table = listed(tmp_path)
    assert table.loc["wav/a.wav", "speech_times"] == "?@0-0.25;speech@0.5-1.2;?@1.5-1000000"
    assert table.loc["wav/a.wav", "turn_times"] == "?@0-0.25;anna@0.5-1;ben@0.8-1.2;?@1.5-1000000"
    assert table.loc["wav/b.wav", "speech_times"] == "speech@1-1.5"
    assert table.loc["wav/c.wav", "speech_times"] == "?@2-1000000"  # annotated, and nobody speaks
    assert table.loc["wav/d.wav", "speech_times"] == "?"  # not annotated at all
    assert table["official_split"].fillna("").tolist() == ["train", "train", "train", ""]


def test_names_may_differ_in_accents_where_that_is_not_ambiguous(tmp_path):
    write_audio(tmp_path / "trñ00.wav", tmp_path / "tst01.wav")
    (tmp_path / "a.rttm").write_text("SPEAKER trn00 1 0.5 0.5 <NA> <NA> anna <NA> <NA>\n")
    assert listed(tmp_path).loc["trñ00.wav", "speech_times"] == "speech@0.5-1"
    write_audio(tmp_path / "TRN00.wav")
    with pytest.raises(UserError, match=r"none of the 3 audio files.* has an annotation"):
        listed(tmp_path)


def test_jams_go_before_label_tracks_of_the_same_name(tmp_path):
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.wav")
    events = [(0.5, 1.0, {"label": "dog", "role": "foreground"}), (0, 2.0, {"label": "park", "role": "background"})]
    (tmp_path / "a.jams").write_text(jams(*events))
    (tmp_path / "a.txt").write_text("0.1\t0.2\tcat\n")
    (tmp_path / "b.txt").write_text("0,25\t1.5\tcat\n\\\t100.0\t200.0\n0.5\t0.6\t\n")
    table = listed(tmp_path)
    assert table.loc["a.wav", ["event_times", "event", "background"]].tolist() == ["dog@0.5-1.5", "dog", "park"]
    assert table.loc["b.wav", ["event_times", "event"]].tolist() == ["cat@0.25-1.5", "cat"]
    assert table.loc["c.wav", "event_times"] == "?"
    assert listed(tmp_path, annotations="labels").loc["a.wav", "event_times"] == "cat@0.1-0.2"
    assert listed(tmp_path, annotations="jams").loc["b.wav", "event_times"] == "?"


def test_files_of_one_name_belong_to_the_audio_in_their_folder(tmp_path):
    for folder, label in (("a", "dog"), ("b", "cat")):
        write_audio(tmp_path / "audio" / folder / "1.wav")
        for place in (tmp_path / "audio" / folder, tmp_path / "labels" / folder):
            place.mkdir(parents=True, exist_ok=True)
            (place / "1.txt").write_text(f"0.5\t1.0\t{label}\n")
    for _ in range(2):  # beside the audio, then in folders that are called alike
        table = listed(tmp_path)
        assert table.loc["audio/a/1.wav", "event_times"] == "dog@0.5-1"
        assert table.loc["audio/b/1.wav", "event_times"] == "cat@0.5-1"
        for folder in ("a", "b"):
            (tmp_path / "audio" / folder / "1.txt").unlink(missing_ok=True)
    (tmp_path / "labels" / "a").rename(tmp_path / "labels" / "c")
    (tmp_path / "labels" / "b").rename(tmp_path / "labels" / "d")
    with pytest.raises(UserError, match=r"1\.txt and .*1\.txt may both belong to"):
        listed(tmp_path)
    (tmp_path / "a.rttm").write_text("SPEAKER 1 1 0.5 0.5 <NA> <NA> anna <NA> <NA>\n")
    with pytest.raises(UserError, match="2 audio files are called 1"):
        listed(tmp_path, annotations="rttm")


def test_a_turn_may_begin_before_its_clip(tmp_path):
    write_audio(tmp_path / "a.wav")
    (tmp_path / "a.rttm").write_text("SPEAKER a 1 -0.5 1.5 <NA> <NA> anna <NA> <NA>\n")
    assert read_events(listed(tmp_path).loc["a.wav", "turn_times"]) == [(-0.5, 1.0, "anna")]


def test_an_older_jams_file_keeps_its_data_as_columns(tmp_path):
    data = {"time": [0.5, 1.0], "duration": [0.2, 0.3], "value": ["dog", "cat"], "confidence": [1, 1]}
    path = tmp_path / "a.jams"
    path.write_text(json.dumps({"annotations": [{"namespace": "tag_open", "data": data}]}))
    assert [event.label for event in read_jams(path)[0]] == ["dog", "cat"]


DAMAGED = (
    "",
    "{",
    "[]",
    '{"annotations": null}',
    '{"annotations": ["x"]}',
    *(
        '{"annotations": [{"namespace": "scaper", "data": ' + data + "}]}"
        for data in ("null", "5", '["x"]', '{"time": [0, 1], "duration": [1]}', '{"time": 0}')
    ),
    '{"annotations": [{"namespace": "scaper", "data": [{"time": 1' + "0" * 400 + ', "duration": 1, "value": "a"}]}]}',
    "[" * 100_000,
)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.rttm", "SPEAKER a 1 0.5\n", "a.rttm line 1: a SPEAKER line has at least 8 words, and this has 4"),
        ("a.rttm", "\nSPEAKER a 1 x 1 <NA> <NA> b <NA> <NA>\n", "a.rttm line 2: 'x' is no time in seconds"),
        ("a.rttm", "SPEAKER a 1 0.5 1 <NA> <NA> b;c <NA> <NA>\n", "a.rttm line 1: a label may not hold ';'"),
        ("a.uem", "a 1 0.5\n", "a.uem line 1: a line of UEM is NAME CHANNEL ONSET OFFSET"),
        ("a.txt", "0.5 1.0 dog\n", "a.txt line 1: onset, offset and label with tabs between them are wanted"),
        *(("a.jams", content, "a.jams is no JAMS file, or is damaged") for content in DAMAGED),
        ("a.jams", jams((0, 1, "dog"), namespace="beat"), "a.jams holds no annotation of sound events"),
        ("a.jams", jams((None, 1, "dog")), "a.jams: an event needs time, duration and a label"),
    ],
)
def test_a_file_that_is_none_is_named_with_its_line(name, content, message, tmp_path):
    write_audio(tmp_path / "a.wav")
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError) as caught:
        listed(tmp_path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_rows_of_events_have_times(tmp_path):
    write_audio(tmp_path / "a.wav", tmp_path / "b.wav", tmp_path / "c.wav")
    rows = ("a.wav,0.5,1.0,dog", "a.wav,0.75,1.5,cat", "a.wav,1.2,1.4,dog", "b.wav,,,", "c.wav,,,dog")
    (tmp_path / "list.csv").write_text("\n".join(["file,onset,offset,label", *rows]))
    table = listed(tmp_path / "list.csv", "table")
    assert sorted(table.loc["a.wav", "label_times"].split(";")) == ["cat@0.75-1.5", "dog@0.5-1", "dog@1.2-1.4"]
    assert table.loc["a.wav", "label"] == "dog;cat"
    assert table["label_times"].isna()["b.wav"]
    assert table.loc["c.wav", "label_times"] == "dog"  # somewhere in the clip


def test_events_that_cannot_be_are_findings_of_the_audit(tmp_path):
    write_audio(tmp_path / "audio" / "a.wav", tmp_path / "audio" / "b.wav")
    events = ("1.0\t0.5\tdog", "1.5\t9.0\tcat", "0.1\t0.1\tcat", "0.2\t0.6\teel", "0.5\t0.7\teel")
    (tmp_path / "audio" / "a.txt").write_text("\n".join(events))
    (tmp_path / "audio" / "b.txt").write_text("0.5\t1.0\tdog\n1.0\t1.5\tdog\n")
    corpus = corpus_of(tmp_path / "audio")
    prepare_corpus(corpus, None, tmp_path / "prepared", AuditConfig(num_workers=1), quiet=True)
    text = (tmp_path / "prepared" / "mine" / "audit.csv").read_text()
    assert text.count("doubtful_events") == 1 and "a.wav" in text
    assert "no length" in text and "onset behind its offset" in text and "and 1 more" in text
    table = pd.read_parquet(tmp_path / "prepared" / "mine" / "annotations.parquet")
    assert table["onset_s"].dtype == table["offset_s"].dtype == "float64" and table["annotated"].all()
    whole = table[(table["column"] == "event") & table["clip_id"].str.endswith("a.wav")]
    assert sorted(whole["label"]) == ["cat", "dog", "eel"] and whole["onset_s"].isna().all()
    rows = table[table["clip_id"].str.endswith("b.wav") & (table["column"] == "event_times")]
    assert rows[["column", "label", "onset_s", "offset_s"]].to_numpy().tolist() == [
        ["event_times", "dog", 0.5, 1.0],
        ["event_times", "dog", 1.0, 1.5],
    ]


@published
def test_urban_seds_jams_and_text_say_the_same():
    found = sorted((PUBLISHED / "urban_sed").rglob("*.jams"))
    assert len(found) >= 30
    compared = 0
    for path in found:
        track = next(iter((PUBLISHED / "urban_sed").rglob(f"{path.stem}.txt")), None)
        if track is None:
            continue
        events, written = sorted(read_jams(path)[0]), sorted(read_label_track(track))
        assert [event.label for event in events] == [event.label for event in written]
        np.testing.assert_allclose([event[:2] for event in events], [event[:2] for event in written], atol=1e-3)
        compared += 1
    assert compared >= 30


@published
def test_amis_turns_lie_within_its_maps():
    turns, regions = {}, {}
    for path in sorted((PUBLISHED / "ami").rglob("*.rttm")):
        turns |= read_rttm(path)
    for path in sorted((PUBLISHED / "ami").rglob("*.uem")):
        regions |= read_uem(path)
    both = set(turns) & set(regions)
    assert len(both) >= 10 and sum(len(turns[name]) for name in both) > 1000
    for name in both:
        begin_s, end_s = min(regions[name])[0], max(offset_s for _, offset_s in regions[name])
        assert all(begin_s <= turn.onset_s < turn.offset_s <= end_s for turn in turns[name]), name


@published
def test_desed_reads_as_a_table_of_events(tmp_path):
    source = next(iter((PUBLISHED / "desed").rglob("validation.tsv")))
    rows = [line.split("\t") for line in source.read_text().splitlines()[1:]]
    names = list(dict.fromkeys(row[0] for row in rows))[:40]
    write_audio(*(tmp_path / name for name in names), seconds=10.0)
    chosen = [line for line in source.read_text().splitlines()[1:] if line.split("\t")[0] in names]
    (tmp_path / "list.tsv").write_text("\n".join([source.read_text().splitlines()[0], *chosen]))
    table = listed(tmp_path / "list.tsv", "table", columns={"onset": "onset", "offset": "offset"})
    for name in names:
        wanted = sorted(tuple(map(float, row[1:3])) for row in rows if row[0] == name and row[1])
        cell = table.loc[name, "event_label_times"]
        found = [] if not isinstance(cell, str) else read_events(cell)
        np.testing.assert_allclose(sorted(event[:2] for event in found), wanted, atol=1e-6)
