"""One store for all runs: whole clips after a kill, a full disk or a flipped bit, and never another run's audio."""

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_tf.compose import compose
from mtl_tf.data.assemble import assemble
from mtl_tf.data.clip_source import decoder_of
from mtl_tf.data.store import CLIPS_AT_ONCE, ClipStore, clip_key
from mtl_tf.errors import UserError
from mtl_tf.runs.walk import build_source

NUM_CLIPS = 2 * CLIPS_AT_ONCE + 10


def clip(position):
    return np.full(position % 7, position, np.float32)


def keys(positions):
    return [f"clip {position}" for position in positions]


def store(folder, positions=range(NUM_CLIPS)):
    return ClipStore(folder / "clips-8000", keys(positions))


def refuse(position):
    raise AssertionError(f"clip {position} was decoded again")


def test_clips_read_back_from_a_second_opening_without_decoding(tmp_path):
    assert store(tmp_path).fill(clip) == NUM_CLIPS
    again = store(tmp_path)
    assert again.fill(refuse) == 0
    for position in (0, 1, 255, 256, 300, NUM_CLIPS - 1):
        np.testing.assert_array_equal(again.read(position), clip(position))


@settings(max_examples=30, deadline=None)
@given(selections=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=30), min_size=1, max_size=5))
def test_any_selections_share_what_they_have_in_common(selections, tmp_path_factory):
    folder, decoded = tmp_path_factory.mktemp("store"), []
    opened = []
    for chosen in selections:
        one = store(folder, chosen)
        one.fill(lambda place, chosen=chosen: (decoded.append(chosen[place]), clip(chosen[place]))[1])
        opened.append((one, chosen))
    assert sorted(decoded) == sorted(set().union(*selections))
    for one, chosen in opened:  # also those that were opened before others were added
        for place, position in enumerate(chosen):
            np.testing.assert_array_equal(one.read(place), clip(position))


@pytest.mark.parametrize("byte", [0, 100, -1])
def test_a_flipped_bit_is_noticed_and_that_clip_made_again(byte, tmp_path):
    store(tmp_path).fill(clip)
    path = tmp_path / "clips-8000.f32"
    content = bytearray(path.read_bytes())
    content[byte] ^= 1
    path.write_bytes(content)
    decoded = []

    def load(position):
        decoded.append(position)
        return clip(position)

    again = store(tmp_path)
    assert again.fill(refuse) == 0
    for position in range(NUM_CLIPS):
        np.testing.assert_array_equal(again.read(position, lambda _, position=position: load(position)), clip(position))
    assert len(decoded) == 1
    mended = store(tmp_path)
    assert mended.fill(refuse) == 0
    np.testing.assert_array_equal(mended.read(decoded[0]), clip(decoded[0]))


def test_damage_without_the_file_is_named(tmp_path):
    store(tmp_path).fill(clip)
    path = tmp_path / "clips-8000.f32"
    path.write_bytes(bytes(path.stat().st_size))
    opened = store(tmp_path)
    opened.fill(refuse)
    with pytest.raises(UserError, match=r"clips-8000\.f32 is damaged; remove it"):
        opened.read(1)


def test_a_lost_file_is_made_again(tmp_path):
    store(tmp_path).fill(clip)
    (tmp_path / "clips-8000.f32").unlink()
    assert store(tmp_path).fill(clip) == NUM_CLIPS


def test_a_key_is_of_everything_the_samples_depend_on():
    parts = [("ab", 1, 8000, 16000, None), ("cd", 1, 8000, 16000, None), ("ab", 2, 8000, 16000, None)]
    parts += [("ab", 1, 16000, 16000, None), ("ab", 1, 8000, 22050, None), ("ab", 1, 8000, 16000, 100)]
    assert len({clip_key(*part) for part in parts}) == len(parts)


def test_a_full_disk_leaves_whole_clips_and_the_next_run_goes_on(tmp_path, monkeypatch):
    calls = []
    original = os.fsync

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match=r"No space left on device: .*clips-8000\.f32"):
            store(tmp_path).fill(clip)
    resumed = store(tmp_path)
    assert resumed.fill(clip) == NUM_CLIPS - CLIPS_AT_ONCE
    for position in range(NUM_CLIPS):
        np.testing.assert_array_equal(resumed.read(position), clip(position))


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from mtl_tf.data.store import ClipStore
first, last, step_s = int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])

def slow(place):
    time.sleep(step_s)
    return np.full((first + place) % 7, first + place, np.float32)

store = ClipStore(Path(sys.argv[1]) / "clips-8000", [f"clip {position}" for position in range(first, last)])
print(store.fill(slow), flush=True)
for place in range(last - first):
    assert (store.read(place) == first + place).all()
"""


def child(folder, first, last, step_s=0.0):
    command = [sys.executable, "-c", CHILD, str(folder), str(first), str(last), str(step_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_a_killed_writer_leaves_whole_clips(cut, tmp_path):
    process = child(tmp_path, 0, NUM_CLIPS, 0.005)
    index = tmp_path / "clips-8000.jsonl"
    while process.poll() is None and not index.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    if cut:  # a kill in the middle of a line, and behind samples that no line names
        index.write_bytes(index.read_bytes()[:-cut])
        with (tmp_path / "clips-8000.f32").open("ab") as data:
            data.write(b"\1\2\3"[:cut])
    resumed = store(tmp_path)
    assert 1 <= resumed.fill(clip) <= NUM_CLIPS
    for position in range(NUM_CLIPS):
        np.testing.assert_array_equal(resumed.read(position), clip(position))
    assert store(tmp_path).fill(refuse) == 0


def test_processes_of_other_selections_write_and_read_at_once(tmp_path):
    """Those that overlap share the work; each reads its own clips, whatever the others append meanwhile."""
    spans = [(0, 400), (200, 700), (0, 400), (650, 900)]
    processes = [child(tmp_path, *span, 0.0005) for span in spans]
    written = 0
    for process in processes:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        written += int(output)
    assert written == 900
    lines = [json.loads(line) for line in (tmp_path / "clips-8000.jsonl").read_text().splitlines()]
    assert len({key for key, *_ in lines}) == len(lines) == 900


def source_of(overrides):
    config = compose([*overrides, "pipeline.shards=true"])
    data = assemble(config)
    data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, config.frontend.sample_rate)
    return data.manifest, build_source(config, data)


def test_runs_of_other_selections_cuts_and_corpora_read_their_own_audio(small_run, tone_corpus, tmp_path):
    variants = [
        [],
        ["corpora.fsdd.where.digit=[1]", "task=[speaker]"],
        ["corpora.fsdd.crop_s=0.2"],
        ["corpora.fsdd.crop_s=0.2", "corpora.fsdd.where.speaker=[theo]"],
        ["frontend.sample_rate=11025"],
    ]
    opened = [source_of([*small_run, *keys]) for keys in variants]
    for (manifest, source), overrides in zip(opened, variants, strict=True):
        limit = 0.2 if any("crop_s" in key for key in overrides) else None
        for position, path in enumerate(manifest["path"]):
            expected, rate = soundfile.read(tone_corpus / "fsdd" / path, dtype="float32")
            found = source.samples(position)
            if source.sample_rate == rate:
                np.testing.assert_array_equal(found, expected[: None if limit is None else round(limit * rate)])
            else:
                assert abs(len(found) - len(expected) * 11025 / rate) <= 1
    index = (tmp_path / "prepared" / "fsdd" / "clips-8000.jsonl").read_text().splitlines()
    assert len(index) == 48 + 48  # whole and cut, each once


def test_a_file_that_is_not_what_the_audit_found_is_never_stored(small_run, tone_corpus):
    config = compose([*small_run, "pipeline.shards=true"])
    data = assemble(config)
    data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, 8000)
    victim = tone_corpus / "fsdd" / data.manifest["path"][3]
    samples, rate = soundfile.read(victim, dtype="int16")
    soundfile.write(victim, samples[::-1], rate)
    with pytest.raises(UserError, match=rf"{victim.name}: it was changed after the audit"):
        build_source(config, data)


def test_the_digest_of_the_audit_is_that_of_the_samples(small_run, tone_corpus):
    manifest = assemble(compose(small_run)).manifest
    for path, digest in zip(manifest["path"][:5], manifest["audio_sha1"], strict=False):
        samples, _ = soundfile.read(tone_corpus / "fsdd" / path, dtype="float32", always_2d=True)
        assert hashlib.sha1(samples.tobytes()).hexdigest() == digest
