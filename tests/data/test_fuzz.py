"""Mutated, truncated and empty files: an error that names the file, or samples; never a crash or a hang."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

NUM_INPUTS = 220
SOUNDFILE_CHILD = """
import json, sys
from pathlib import Path
from mtl_tf.data.decode import DecodeError, read_audio
for line in sys.stdin:
    path = Path(line.strip())
    try:
        samples, info = read_audio(path)
        answer = {"frames": len(samples), "bits": info.plain_pcm_bits}
    except DecodeError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
"""
GRAPH_CHILD = """
import json, sys
import numpy as np, pandas as pd
from pathlib import Path
from mtl_tf.config import PipelineConfig
from mtl_tf.data.audit import inspect_clip
from mtl_tf.data.pipeline import ClipSource, decoder_of, evaluation_dataset
from mtl_tf.errors import UserError
from mtl_tf.data.pipeline import decode_errors_as_user_errors
import tensorflow as tf
for line in sys.stdin:
    path = Path(line.strip())
    facts = inspect_clip(str(path), 0.0, float("nan"))
    row = {**vars(facts), "corpus": "x", "path": path.name, "start_s": 0.0, "duration_s": np.nan}
    manifest = pd.DataFrame([row])
    config = PipelineConfig(clip_s=1.0)
    manifest["decoder"] = decoder_of(manifest, config)
    source = ClipSource.from_manifest(manifest, {"x": path.parent}, {"x": None}, 8000)
    try:
        batches = list(evaluation_dataset(source, np.array([0]), {}, {}, config))
        answer = {"frames": int(batches[0][0].shape[1]), "decoder": manifest["decoder"][0]}
    except tf.errors.OpError as error:
        answer = {"error": str(decode_errors_as_user_errors(error))}
    print(json.dumps(answer), flush=True)
"""


def mutations(content: bytes, rng: np.random.Generator):
    """Yields damaged copies of a file."""
    yield b""
    yield content[:1]
    yield content[:44]
    yield bytes(len(content))
    yield rng.bytes(len(content))
    for size in (0, 0xFFFFFFF8, 0x7FFFFFFF):
        yield content[:16] + size.to_bytes(4, "little") + content[20:]
        yield content[:40] + size.to_bytes(4, "little") + content[44:]
    yield content[:32] + b"\0\0" + content[34:]  # block align 0
    yield content[:12] + b"junk" + (0xFFFFFFF8).to_bytes(4, "little") + content[12:]
    yield content[:36] + b"odd " + (3).to_bytes(4, "little") + b"abc\0" + content[36:]
    while True:
        kind = rng.integers(3)
        if kind == 0:
            yield content[: rng.integers(len(content))]
        else:
            damaged = bytearray(content)
            for place in rng.integers(0, len(content) if kind == 1 else 64, 1 + rng.integers(8)):
                damaged[place] = rng.integers(256)
            yield bytes(damaged)


def answers(child: str, paths: list, limit_s: float) -> list[dict]:
    process = subprocess.run(
        [sys.executable, "-c", child],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        timeout=limit_s,
    )
    assert process.returncode == 0, process.stderr[-2000:]
    return [json.loads(line) for line in process.stdout.splitlines()]


def write_inputs(folder, subtype, container):
    rng = np.random.default_rng(1)
    samples = (0.3 * np.sin(np.arange(4000) * 0.1)).astype(np.float32)
    soundfile.write(folder / f"whole.{container}", samples, 8000, subtype)
    content = (folder / f"whole.{container}").read_bytes()
    paths = [folder / f"whole.{container}"]
    for index, damaged in zip(range(NUM_INPUTS), mutations(content, rng), strict=False):
        paths.append(folder / f"{index:03d}.{container}")
        paths[-1].write_bytes(damaged)
    return paths


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None)],
)
def test_soundfile_path(container, subtype, tmp_path):
    paths = write_inputs(tmp_path, subtype, container)
    results = answers(SOUNDFILE_CHILD, paths, limit_s=120)
    assert len(results) == len(paths)
    assert "frames" in results[0]
    for path, answer in zip(paths, results, strict=True):
        assert "frames" in answer or path.name in answer["error"]
    assert "the file is empty" in results[1]["error"]


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_graph_path(subtype, tmp_path):
    start = time.monotonic()
    paths = write_inputs(tmp_path, subtype, "wav")
    results = answers(GRAPH_CHILD, paths, limit_s=300)
    assert len(results) == len(paths), f"after {time.monotonic() - start:.0f} s"
    assert results[0] == {"frames": 4000, "decoder": "tensorflow_io"}
    whole = [answer for answer in results if "frames" in answer]
    assert any(answer["decoder"] == "tensorflow_io" for answer in whole[1:])
    for path, answer in zip(paths, results, strict=True):
        assert "frames" in answer or path.name in answer["error"]
        if answer.get("decoder") == "tensorflow_io" and soundfile.info(path).samplerate == 8000:
            assert answer["frames"] == soundfile.info(path).frames
