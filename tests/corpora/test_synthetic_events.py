"""The made soundscapes are the same each time, and hold what their table says; `test_events_run.py` learns them."""

import hashlib

import numpy as np
import pytest
import soundfile

from mtl_tf.corpora.synthetic_events import CORPUS, PARTS, SAMPLE_RATE
from mtl_tf.data.manifest import list_clips
from mtl_tf.tables import parse_seconds, read_table


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


def digest(folder):
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def test_the_same_bytes_come_out_each_time(prepared, tmp_path):
    made = CORPUS.root(None, prepared)
    CORPUS.make(tmp_path / "again")
    assert digest(made) == digest(tmp_path / "again")
    table = list_clips(CORPUS, made)
    assert table["official_split"].value_counts().to_dict() == PARTS
    assert table["event"].isna().sum() > 50  # some hold nothing


def test_events_are_where_the_table_says(prepared):
    made = CORPUS.root(None, prepared)
    table = read_table(made / "events.csv", {"onset": parse_seconds, "offset": parse_seconds})
    louder = []
    for file, events in table.groupby("file"):
        samples, rate = soundfile.read(made / file)
        assert rate == SAMPLE_RATE and len(samples) == 3 * SAMPLE_RATE
        inside = np.zeros(len(samples), bool)
        for event in events[events["label"] != ""].itertuples():
            assert 0 <= event.onset < event.offset <= 3 and 0.29 < event.offset - event.onset < 1.21
            inside[round(event.onset * rate) : round(event.offset * rate)] = True
        outside = samples[~inside]
        assert np.sqrt(np.mean(outside**2)) == pytest.approx(0.01, rel=0.1)
        if inside.any():
            louder.append(np.sqrt(np.mean(samples[inside] ** 2)) / 0.01)
    assert min(louder) > 2 and len(louder) > 300
