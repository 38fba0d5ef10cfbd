"""Names of official parts, keys that are unique, and clips that are parts of long files."""

import numpy as np
import pytest
import soundfile

from mtl_tf.config import AuditConfig
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.data.audit import inspect_clips
from mtl_tf.data.decode import load_clip
from mtl_tf.data.manifest import list_clips
from mtl_tf.errors import UserError


class Listed(Corpus):
    """A corpus whose rows a test gives."""

    name, native_labels = "listed", ("kind",)

    def __init__(self, rows):
        self.listed = rows

    def read(self, root):
        return self.listed


@pytest.mark.parametrize(
    ("spelling", "part"),
    [
        *(("val", "validation"), ("Valid", "validation"), ("dev", "validation"), ("validation ", "validation")),
        *(("training", "train"), ("TRAIN", "train"), ("eval", "test"), ("testing", "test")),
    ],
)
def test_usual_names_of_official_parts_are_read(spelling, part, tmp_path):
    table = list_clips(Listed([{"path": "a.wav", "official_split": spelling}]), tmp_path)
    assert table["official_split"].tolist() == [part]


def test_other_names_of_official_parts_are_counted(tmp_path):
    rows = [
        {"path": f"{number}.wav", "official_split": name} for number, name in enumerate(["train", "extra", "extra"])
    ]
    with pytest.raises(
        UserError, match=r"corpus listed: official_split is 'extra' \(2 clips\), which is none of train"
    ):
        list_clips(Listed(rows), tmp_path)


def test_a_clip_that_is_listed_twice_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"1 clip is listed twice, such as listed/a\.wav"):
        list_clips(Listed([{"path": "a.wav"}, {"path": "a.wav"}]), tmp_path)
    rows = [{"path": "a.wav", "start_s": start, "duration_s": 1.0} for start in (0.0, 0.0001, 1.0)]
    assert list_clips(Listed(rows), tmp_path)["clip_id"].is_unique


def test_a_name_that_is_no_utf8_is_a_finding_and_printable(tmp_path):
    rows = [{"path": "a.wav", "kind": "x"}, {"path": "b\udce9.wav", "kind": "y"}]
    table = list_clips(Listed(rows), tmp_path)
    assert table["path"].tolist() == ["a.wav", "b\\xe9.wav"]
    assert table["misfit"].isna().tolist() == [True, False] and "UTF-8" in table["misfit"][1]


def test_parts_of_a_long_file_are_cut_at_the_sample(tmp_path):
    """Seventy minutes in, float32 seconds are off by up to four samples, and the last cut reaches beyond the end."""
    rate = 8000
    recording = (np.arange(70 * 60 * rate + 1234, dtype=np.int64) % 30011 - 15000).astype(np.int16)
    soundfile.write(tmp_path / "long.wav", recording, rate, "PCM_16")
    end_s = len(recording) / rate
    starts = [0.0, 2100.1237, 4199.3331, 4199.99994]
    rows = [
        {"path": "long.wav", "start_s": start, "duration_s": 0.5 if start < 4199 else end_s - start} for start in starts
    ]
    table = list_clips(Listed(rows), tmp_path)
    facts = inspect_clips(table, tmp_path, AuditConfig())
    assert (facts["error"] == "").all()
    for start, row in zip(table["start_s"], facts.itertuples(), strict=True):
        assert row.start_frame == round(start * rate)
        expected = recording[row.start_frame : row.start_frame + row.num_frames] / np.float32(32768)
        np.testing.assert_array_equal(load_clip(tmp_path / "long.wav", rate, row.start_frame, row.num_frames), expected)
    assert facts["start_frame"].iloc[-1] + facts["num_frames"].iloc[-1] == len(recording)
