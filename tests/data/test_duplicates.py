"""One recording under two names, in two containers, at two rates: found; two takes of one sentence: not."""

import io
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig
from mtl_tf.corpora import get_corpus
from mtl_tf.corpora.fixture import write_fixture
from mtl_tf.data import duplicates
from mtl_tf.data.assemble import assemble, divide
from mtl_tf.data.fingerprint import correlation, fingerprint, same_recordings
from mtl_tf.data.prepare import prepare_corpus
from mtl_tf.tables import read_table

RATE = 16000


def speech(seed, seconds=1.2):
    """Harmonics of a gliding voice with moving formants and pauses, which differ from seed to seed."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE)
    points = np.linspace(0, count, 12)

    def glide(low, high):
        return np.interp(np.arange(count), points, rng.uniform(low, high, 12))

    phase = 2 * np.pi * np.cumsum(glide(90, 220)) / RATE
    formants = [glide(300, 900), glide(900, 2500)]
    voice = sum(
        np.sin(k * phase) * sum(np.exp(-(((k * 150 - formant) / 200) ** 2)) for formant in formants)
        for k in range(1, 20)
    )
    loudness = np.clip(glide(-0.4, 1.0), 0, 1)
    return (0.2 * voice * loudness + 0.001 * rng.standard_normal(count)).astype(np.float32)


def through(samples, kind, subtype=None, rate=RATE):
    target = io.BytesIO()
    soundfile.write(target, samples, rate, subtype, format=kind)
    target.seek(0)
    return soundfile.read(target, dtype="float32")[0]


CHANGES = {
    "ogg": lambda samples: (through(samples, "OGG"), RATE),
    "mp3": lambda samples: (through(samples, "MP3"), RATE),
    "mu-law": lambda samples: (through(samples, "WAV", "ULAW"), RATE),
    "8 kHz": lambda samples: (soxr.resample(samples, RATE, 8000), 8000),
    "44.1 kHz": lambda samples: (soxr.resample(samples, RATE, 44100), 44100),
    "quieter": lambda samples: (0.2 * samples, RATE),
    "turned over": lambda samples: (-samples, RATE),
    "later": lambda samples: (np.concatenate([np.zeros(700, np.float32), samples]), RATE),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_copy_is_found_among_others(change):
    clips = [(speech(seed), RATE) for seed in range(12)]
    copy, rate = CHANGES[change](clips[5][0])
    clips.append((copy.astype(np.float32), rate))
    prints = pd.Series([fingerprint(*clip) for clip in clips])
    load = lambda place: soxr.resample(clips[place][0], clips[place][1], 8000)  # noqa: E731
    assert same_recordings(prints, load) == [(5, 12)]


def test_clips_that_are_none_have_no_fingerprint():
    assert fingerprint(np.zeros(0, np.float32), 8000) == fingerprint(np.zeros(1000, np.float32), 8000) == b""
    prints = pd.Series([fingerprint(np.zeros(16000, np.float32), 8000)] * 3)
    assert same_recordings(prints, lambda place: np.zeros(16000, np.float32)) == []
    assert correlation(np.zeros(10, np.float32), np.ones(10, np.float32)) == 0


@pytest.mark.real
@pytest.mark.parametrize("pattern", ["fsdd/recordings/[2-5]_*_1?.wav", "ravdess/*/Actor_0[1-3]/*.flac"])
def test_other_takes_of_the_same_words_are_no_copies(pattern, real_audio):
    files = sorted(real_audio.glob(pattern))
    assert len(files) > 150
    clips = [soundfile.read(file, dtype="float32") for file in files]
    prints = pd.Series([fingerprint(*clip) for clip in clips])
    assert same_recordings(prints, lambda place: soxr.resample(*clips[place], 8000)) == []


def prepared(name, tmp_path):
    manifest, _ = prepare_corpus(
        get_corpus(name), str(tmp_path / "data"), tmp_path / "prepared", AuditConfig(), quiet=True
    )
    return manifest, read_table(tmp_path / "prepared" / name / "audit.csv")


def test_the_same_stem_in_two_containers_is_two_clips_of_which_one_stays(tmp_path):
    written = write_fixture(get_corpus("fsdd"), tmp_path / "data" / "fsdd")
    for path in written[:3]:
        samples, rate = soundfile.read(path, dtype="int16")
        soundfile.write(path.with_suffix(".flac"), samples, rate)
    manifest, findings = prepared("fsdd", tmp_path)
    assert manifest["clip_id"].is_unique and len(manifest) == len(written) + 3
    assert sorted(findings["path"].str[-4:]) == [".wav"] * 3 or sorted(findings["path"].str[-5:]) == [".flac"] * 3
    assert set(findings["kind"]) == {"duplicate"}


def test_the_sound_of_a_video_is_a_copy_whatever_its_bytes_and_the_audio_file_stays(tmp_path):
    for path in write_fixture(get_corpus("ravdess"), tmp_path / "data" / "ravdess"):
        samples, rate = soundfile.read(path, dtype="float32")
        soundfile.write(path.with_name("01" + path.name[2:]), through(samples, "OGG", rate=rate), rate)
    manifest, findings = prepared("ravdess", tmp_path)
    assert len(findings) == len(manifest) / 2 and set(findings["kind"]) == {"duplicate"}
    assert findings["path"].str.rsplit("/", n=1).str[1].str.startswith("01-").all()
    assert findings["reason"].str.startswith("a second file of the same clip as ").all()


def test_a_resampled_copy_below_the_folder_is_found_and_the_published_rate_stays(tmp_path):
    written = write_fixture(get_corpus("esc50"), tmp_path / "data" / "esc50")
    (written[0].parent / "16000").mkdir()
    for path in written:
        samples, rate = soundfile.read(path, dtype="float32")
        soundfile.write(path.parent / "16000" / path.name, soxr.resample(samples, rate, 16000), 16000)
    _, findings = prepared("esc50", tmp_path)
    copies = findings[findings["kind"] == "duplicate"]
    assert len(copies) == len(written) and copies["path"].str.contains("16000/").all()


def test_a_renamed_copy_is_found_by_its_sound(tmp_path):
    folder = tmp_path / "data" / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for take in range(8):
        soundfile.write(folder / f"1_theo_{take}.wav", speech(take), RATE)
    soundfile.write(folder / "1_jackson_9.mp3", speech(3), RATE)
    shutil.copy(folder / "1_theo_4.wav", folder / "2_theo_4.wav")
    _, findings = prepared("fsdd", tmp_path)
    found = findings[findings["kind"] == "duplicate"].set_index("path")["reason"].to_dict()
    assert found == {
        "recordings/1_theo_3.wav": "sounds the same as recordings/1_jackson_9.mp3",
        "recordings/2_theo_4.wav": "same audio as recordings/1_theo_4.wav",
    }


def test_accepted_duplicates_and_silences_never_stop_a_run_nor_meet_in_training_and_test(small_run, tone_corpus):
    folder = tone_corpus / "fsdd" / "recordings"
    shutil.copy(folder / "0_theo_1.wav", folder / "0_theo_40.wav")  # the official test set has take 1
    for take in (2, 41, 42):
        soundfile.write(folder / f"1_theo_{take}.wav", np.zeros(4000), 8000)
    config = compose([*small_run, "audit.accept=[duplicate,silent]"])
    data = assemble(config)
    fold = divide(data, config, 0)
    parts = dict(zip(data.manifest["path"], fold.division["split"], strict=True))
    assert parts["recordings/0_theo_1.wav"] == "test" and parts["recordings/0_theo_40.wav"] == "unused"
    assert parts["recordings/1_theo_2.wav"] == "test" and parts["recordings/1_theo_41.wav"] in ("train", "validation")
    assert fold.notes[0].startswith("1 clip takes no part, being the same recording as a test clip: ")


@given(pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)).filter(lambda pair: pair[0] < pair[1])))
def test_whichever_clips_sound_alike_each_group_has_one_first_and_a_reason_for_all_others(pairs):
    names = [f"c/{number}.wav" for number in range(7)]
    facts = {
        "error": "",
        "num_frames": 1,
        "misfit": None,
        "peak": 1.0,
        "sample_rate": 8000,
        "copy": 0,
        "identity": None,
    }
    manifest = pd.DataFrame({"clip_id": names, "path": names, "audio_sha1": names, "fingerprint": b"", **facts})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "same_recordings", lambda fingerprints, load: sorted(set(pairs)))
        marked = duplicates.mark_duplicates(manifest, get_corpus("fsdd"), lambda row: row)
    groups = joined(7, pairs)
    for group in groups:
        assert set(marked["recording"][list(group)]) == {names[min(group)]}
        assert marked["same_because"][min(group)] == ""
        assert marked["same_because"][sorted(group)[1:]].str.startswith("sounds the same as c/").all()


def joined(count, pairs):
    """Joins groups pair by pair, as on paper."""
    groups = [{number} for number in range(count)]
    for one, two in pairs:
        first, second = (next(group for group in groups if number in group) for number in (one, two))
        if first is not second:
            groups.remove(second)
            first |= second
    return groups
