from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig
from mtl_tf.corpora import get_corpus
from mtl_tf.corpora.fixture import write_fixture
from mtl_tf.data import audit
from mtl_tf.data.assemble import assemble
from mtl_tf.data.audit import find_problems
from mtl_tf.data.leave_out import leave_out
from mtl_tf.data.prepare import prepare_corpus
from mtl_tf.errors import UserError
from mtl_tf.tables import read_table

FSDD = get_corpus("fsdd")
RATE = 8000
LISTED = Path("prepared/fsdd/audit.csv")


def write(path, samples, rate=RATE, subtype="PCM_16"):
    soundfile.write(path, np.asarray(samples, np.float32), rate, None if path.suffix == ".mp3" else subtype)


@pytest.fixture
def damaged(tmp_path):
    """An FSDD with one clip of every kind of damage; names say which."""
    folder = tmp_path / "data" / "fsdd" / "recordings"
    write_fixture(FSDD, folder.parent)
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(np.arange(4000) * 0.2)
    write(folder / "2_silent_9.wav", np.zeros(4000))
    write(folder / "2_clipped_9.wav", np.clip(50 * tone, -1, 1))
    write(folder / "2_short_9.wav", tone[:200])
    write(folder / "2_long_9.wav", rng.standard_normal(RATE * 4) * 0.1)
    write(folder / "2_first_9.wav", tone)
    write(folder / "2_second_9.wav", tone)
    write(folder / "2_rate_9.wav", tone + 0.01 * rng.standard_normal(4000), 11025)
    write(folder / "2_nan_9.wav", [0.1, np.nan] * 2000, subtype="FLOAT")
    (folder / "2_nothing_9.wav").touch()
    write(folder / "0_copy_of_9.wav", tone)
    write(folder / "2_noframes_9.wav", [])
    (folder / "2_text_9.wav").write_text("this is no audio")
    write(folder / "2_odd_9.mp3", tone + 0.02 * rng.standard_normal(4000))
    (folder / "2_odd_9.mp3").write_bytes((folder / "2_odd_9.mp3").read_bytes() + b"not audio at all")
    write(folder / "2_cut_9.wav", tone * 0.9)
    content = (folder / "2_cut_9.wav").read_bytes()
    (folder / "2_cut_9.wav").write_bytes(content[:-1000])
    return tmp_path


EXPECTED = {
    "copy": "misnamed",
    "silent": "silent",
    "clipped": "clipped",
    "short": "too_short",
    "long": "wrong_duration",
    "second": "duplicate",
    "rate": "wrong_sample_rate",
    "nan": "corrupt",
    "nothing": "empty",
    "noframes": "empty",
    "text": "corrupt",
    "cut": "corrupt",
    "odd": "doubtful_end",
}


def prepare(tmp_path, config=None):
    return prepare_corpus(
        get_corpus("fsdd"), str(tmp_path / "data"), tmp_path / "prepared", config or AuditConfig(), quiet=True
    )


def test_every_kind_of_damage_is_listed_once_with_its_reason(damaged):
    prepare(damaged)
    table = read_table(damaged / "prepared" / "fsdd" / "audit.csv")
    found = {path.split("_")[1]: kind for path, kind in zip(table["path"], table["kind"], strict=True)}
    assert found == EXPECTED
    assert len(table) == len(EXPECTED)
    # Events are tested where annotations are read.
    assert set(EXPECTED.values()) == set(audit.KINDS) - {"doubtful_events"}
    assert table["reason"].str.len().gt(10).all()


def test_training_stops_with_what_was_found(damaged):
    manifest, _ = prepare(damaged)
    problems = find_problems(manifest, FSDD, AuditConfig())
    with pytest.raises(UserError, match=r"2 empty.*audit\.on_error=skip"):
        leave_out(manifest, problems, FSDD, AuditConfig(), LISTED)


def test_skip_leaves_out_just_those_and_accept_keeps_some(damaged):
    manifest, _ = prepare(damaged)
    problems = find_problems(manifest, FSDD, AuditConfig())
    kept = leave_out(manifest, problems, FSDD, AuditConfig(on_error="skip"), LISTED)
    assert len(kept) == len(manifest) - len(EXPECTED)
    kept = leave_out(manifest, problems, FSDD, AuditConfig(on_error="skip", accept=["silent", "clipped"]), LISTED)
    assert len(kept) == len(manifest) - len(EXPECTED) + 2


def test_a_clip_shorter_than_a_frame_is_too_short(damaged):
    manifest, _ = prepare(damaged)
    problems = find_problems(manifest, FSDD, AuditConfig(), min_duration_s=0.2)
    short = problems[problems["kind"] == "too_short"]
    assert len(short) > 1
    assert short["reason"].str.contains("shorter than 0.200 s").all()


def test_the_list_a_run_stops_with_holds_what_only_the_run_finds(small_run):
    with pytest.raises(UserError, match=rf"48 too_short.*{LISTED}"):
        assemble(compose([*small_run, "pipeline.clip_s=2"]), min_samples=8192)
    assert (read_table(LISTED)["kind"] == "too_short").sum() == 48


def test_a_converted_copy_passes_and_a_stray_rate_does_not(tmp_path):
    folder = tmp_path / "data" / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for take in range(5):
        write(folder / f"1_theo_{take}.wav", 0.1 * rng.standard_normal(8000), 16000)
    write(folder / "1_theo_5.wav", 0.1 * rng.standard_normal(8000), 22050)
    manifest, _ = prepare(tmp_path)
    problems = find_problems(manifest, FSDD, AuditConfig())
    assert problems["path"].tolist() == ["recordings/1_theo_5.wav"]
    assert find_problems(manifest, FSDD, AuditConfig(), sample_rates=(22050,)).empty


def test_a_hang_and_a_crash_become_findings(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    for take in range(3):
        write(folder / f"1_theo_{take}.wav", 0.1 * np.random.default_rng(take).standard_normal(8000))
    monkeypatch.setattr(audit, "inspect_clip", dangerous_inspect)
    manifest, _ = prepare(tmp_path, AuditConfig(time_limit_s=6))
    assert manifest["error"].tolist() == ["", "decoding took longer than 6 s", manifest["error"][2]]
    assert "killed its process" in manifest["error"][2]


def dangerous_inspect(path, start_s, duration_s):
    import os
    import time

    if path.endswith("_1.wav"):
        time.sleep(1000)
    if path.endswith("_2.wav"):
        os.abort()
    return audit.ClipFacts(num_frames=8000, sample_rate=8000, peak=0.5, audio_sha1=path)


def test_other_thresholds_list_other_findings_without_opening_again(tmp_path):
    write_fixture(FSDD, tmp_path / "data" / "fsdd")
    for config, findings in ((AuditConfig(), 0), (AuditConfig(min_duration_s=1.0), len(FSDD.example_files))):
        prepare(tmp_path, config)
        assert len(read_table(tmp_path / "prepared" / "fsdd" / "audit.csv")) == findings


def test_kinds_to_skip_are_left_out_and_others_still_stop(damaged):
    manifest, _ = prepare(damaged)
    problems = find_problems(manifest, FSDD, AuditConfig())
    with pytest.raises(UserError, match="1 silent"):
        leave_out(manifest, problems, FSDD, AuditConfig(skip=["duplicate"]), LISTED)
    everything = AuditConfig(skip=sorted(set(EXPECTED.values())))
    assert len(leave_out(manifest, problems, FSDD, everything, LISTED)) == len(manifest) - len(EXPECTED)


def test_nothing_is_opened_again_until_a_file_changes(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "fsdd"
    written = write_fixture(FSDD, folder)
    first, _ = prepare(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("mtl_tf.data.prepare.inspect_clips", lambda *arguments: pytest.fail("opened again"))
        again, _ = prepare(tmp_path)
    pd.testing.assert_frame_equal(first, again, check_dtype=False)
    write(written[0], np.zeros(4000))
    changed, _ = prepare(tmp_path)
    assert (changed["peak"] == 0).sum() == 1


def test_what_was_prepared_and_is_damaged_is_prepared_again(tmp_path):
    write_fixture(FSDD, tmp_path / "data" / "fsdd")
    first, _ = prepare(tmp_path)
    (damaged,) = (tmp_path).rglob("manifest.parquet")
    damaged.write_bytes(damaged.read_bytes()[:20])
    again, _ = prepare(tmp_path)
    pd.testing.assert_frame_equal(first, again, check_dtype=False)
