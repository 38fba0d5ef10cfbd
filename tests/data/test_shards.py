import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from mtl_tf.data.shards import CLIPS_PER_SHARD, ShardCache

NUM_CLIPS = 2 * CLIPS_PER_SHARD + 10


def clip(position):
    return np.full(position % 7, position, np.float32)


def cache(folder, rate=8000):
    return ShardCache(folder, [f"{position}@{rate}" for position in range(NUM_CLIPS)])


def refuse(position):
    raise AssertionError(f"clip {position} was decoded again")


def test_clips_read_back_from_a_second_opening_without_decoding(tmp_path):
    assert cache(tmp_path).fill(clip) == 3
    again = cache(tmp_path)
    assert again.fill(refuse) == 0
    for position in (0, 1, 255, 256, 300, NUM_CLIPS - 1):
        np.testing.assert_array_equal(again.read(position), clip(position))


def test_a_damaged_shard_alone_is_made_again(tmp_path):
    cache(tmp_path).fill(clip)
    path = tmp_path / "00001.f32"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    decoded = []
    again = cache(tmp_path)
    assert again.fill(lambda position: (decoded.append(position), clip(position))[1]) == 1
    assert sorted(decoded) == list(range(CLIPS_PER_SHARD, 2 * CLIPS_PER_SHARD))
    np.testing.assert_array_equal(again.read(300), clip(300))


def test_another_rate_is_another_cache(tmp_path):
    cache(tmp_path).fill(clip)
    assert cache(tmp_path, rate=16000).fill(clip) == 3


def test_a_full_disk_leaves_whole_shards_and_the_next_run_goes_on(tmp_path, monkeypatch):
    calls = []
    original = os.fsync

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OSError, match=r"No space left on device: .*00001\.f32"):
            cache(tmp_path).fill(clip)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000.f32", "00000.json"]
    assert cache(tmp_path).fill(clip) == 2


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
from mtl_tf.data.shards import ShardCache

def slow(position):
    time.sleep(0.005)
    return np.full(position % 7, position, np.float32)

ShardCache(Path(sys.argv[1]), [f"{position}@8000" for position in range(int(sys.argv[2]))]).fill(slow)
"""


def test_a_killed_writer_leaves_whole_shards(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "shards"), str(NUM_CLIPS)])
    while process.poll() is None and not (tmp_path / "shards" / "00000.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    resumed = cache(tmp_path / "shards")
    assert 1 <= resumed.fill(clip) <= 2
    np.testing.assert_array_equal(resumed.read(NUM_CLIPS - 1), clip(NUM_CLIPS - 1))
