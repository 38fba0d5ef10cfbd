import hashlib
import shutil

import pytest
import soundfile

from mtl_tf.corpora.spoken_digits import ACCENTS, CORPUS, DIGITS, TEST_VOICES, VOICES
from mtl_tf.data.manifest import list_clips


def digest(folder):
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.wav")):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return CORPUS.root(None, tmp_path_factory.mktemp("prepared"))


def test_the_same_bytes_come_out_each_time(made, tmp_path):
    CORPUS.make(tmp_path / "again")
    assert digest(made) == digest(tmp_path / "again")


def test_every_voice_says_every_digit_in_every_accent(made):
    table = list_clips(CORPUS, made)
    assert len(VOICES) == 24 and not set(VOICES) & set(TEST_VOICES)
    counts = table.groupby(["digit", "accent", "speaker"]).size()
    assert (counts == 1).all()
    assert len(counts) == len(DIGITS) * len(ACCENTS) * len(VOICES + TEST_VOICES)
    assert set(table.loc[table["official_split"] == "test", "speaker"]) == set(TEST_VOICES)


def test_no_two_clips_are_the_same_audio(made):
    paths = list(made.rglob("*.wav"))
    assert len({hashlib.sha1(path.read_bytes()).hexdigest() for path in paths}) == len(paths)


def test_clips_are_short_loud_speech(made):
    for path in list(made.rglob("*.wav"))[::97]:
        samples, sample_rate = soundfile.read(path)
        assert sample_rate == 22050
        assert 0.15 < len(samples) / sample_rate < 1.5
        assert 0.05 < abs(samples).max() < 1.0


def test_a_complete_folder_is_not_made_again(made):
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.wav")}
    CORPUS.root(None, made.parents[1])
    assert before == {path: path.stat().st_mtime_ns for path in made.rglob("*.wav")}


@pytest.mark.parametrize("damage", ["recipe", "clip"])
def test_an_incomplete_folder_is_made_again(damage, made, tmp_path, monkeypatch):
    folder = shutil.copytree(made, tmp_path / "prepared" / CORPUS.name / "audio")
    victim = next(folder.glob("*.json")) if damage == "recipe" else next(folder.rglob("*.wav"))
    victim.write_text("{") if damage == "recipe" else victim.unlink()
    calls = []
    monkeypatch.setattr(type(CORPUS), "make", lambda self, where: calls.append(where))
    assert CORPUS.root(None, tmp_path / "prepared") == folder
    assert calls == [folder]
