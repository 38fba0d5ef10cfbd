"""Mutated, truncated and empty files: an error that names the file, or samples; never a crash or a hang."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from mutations import mutations

NUM_INPUTS, NUM_FRAMES = 220, 4000
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
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.data.pipeline import evaluation_dataset
from mtl_tf.errors import UserError
import tensorflow as tf
for line in sys.stdin:
    path = Path(line.strip())
    facts = inspect_clip(str(path), 0.0, float("nan"))
    row = {**vars(facts), "corpus": "x", "path": path.name, "start_s": 0.0, "duration_s": np.nan}
    manifest = pd.DataFrame([row])
    config = PipelineConfig(clip_s=1.0)
    manifest["decoder"] = decoder_of(manifest, config, 8000)
    source = ClipSource.from_manifest(manifest, {"x": path.parent}, {"x": None}, 8000)
    try:
        batches = list(evaluation_dataset(source, np.array([0]), {}, {}, config))
        answer = {"frames": int(batches[0][0]["waveform"].shape[1]), "decoder": manifest["decoder"][0]}
    except tf.errors.OpError as error:
        answer = {"error": str(source.explain(error))}
    print(json.dumps(answer), flush=True)
"""

TOGETHER_CHILD = """
import json, sys
import numpy as np, pandas as pd
from pathlib import Path
from mtl_tf.config import PipelineConfig
from mtl_tf.data.audit import inspect_clip
from mtl_tf.data.clip_source import ClipSource, decoder_of
from mtl_tf.data.pipeline import evaluation_dataset
paths = [Path(line.strip()) for line in sys.stdin]
rows = [vars(inspect_clip(str(path), 0.0, float("nan"))) for path in paths]
manifest = pd.DataFrame(rows).assign(corpus="x", path=[path.name for path in paths], start_s=0.0, duration_s=np.nan)
config = PipelineConfig(clip_s=1.0, batch_size=1)
manifest["decoder"] = decoder_of(manifest, config, 8000)
source = ClipSource.from_manifest(manifest, {"x": paths[0].parent}, {"x": None}, 8000)
for decoder, batch in zip(manifest["decoder"], evaluation_dataset(source, np.arange(len(paths)), {}, {}, config)):
    print(json.dumps({"frames": int(batch[0]["waveform"].shape[1]), "decoder": decoder}))
"""


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


def write_whole(folder, subtype, container):
    path = folder / f"whole.{container}"
    samples = (0.3 * np.sin(np.arange(NUM_FRAMES) * 0.1)).astype(np.float32)
    soundfile.write(path, samples, 8000, subtype)
    return path


def write_inputs(folder, subtype, container):
    rng = np.random.default_rng(1)
    paths, kinds = [write_whole(folder, subtype, container)], ["whole"]
    damaged = mutations(paths[0].read_bytes(), rng)
    for index, (kind, content) in zip(range(NUM_INPUTS), damaged, strict=False):
        paths.append(folder / f"{index:03d}.{container}")
        paths[-1].write_bytes(content)
        kinds.append(kind)
    return paths, kinds


def assert_nothing_is_lost(paths, kinds, results):
    """Each input gave an error with its name, or its samples; none gave a part of them."""
    assert len(results) == len(paths)
    assert results[0]["frames"] == NUM_FRAMES
    for path, kind, answer in zip(paths, kinds, results, strict=True):
        assert "frames" in answer or path.name in answer["error"]
        if kind in ("empty", "truncated"):
            assert "error" in answer, path
        if kind == "payload" and "frames" in answer:
            assert answer["frames"] == NUM_FRAMES, path


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None)],
)
def test_soundfile_path(container, subtype, tmp_path):
    paths, kinds = write_inputs(tmp_path, subtype, container)
    results = answers(SOUNDFILE_CHILD, paths, limit_s=120)
    assert_nothing_is_lost(paths, kinds, results)
    assert "the file is empty" in results[1]["error"]


@pytest.mark.parametrize("subtype", ["PCM_16", pytest.param("PCM_24", marks=pytest.mark.slow)])
def test_graph_path(subtype, tmp_path):
    paths, kinds = write_inputs(tmp_path, subtype, "wav")
    results = answers(GRAPH_CHILD, paths, limit_s=300)
    assert results[0] == {"frames": NUM_FRAMES, "decoder": "tensorflow_io"}
    assert_nothing_is_lost(paths, kinds, results)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_tensorflow_io_itself(subtype, tmp_path):
    """Damage after the header: all of it is decoded in the graph, as libsndfile decodes it."""
    whole = write_whole(tmp_path, subtype, "wav")
    content, rng = whole.read_bytes(), np.random.default_rng(2)
    paths = []
    for index in range(NUM_INPUTS):
        frame_bytes = (len(content) - 44) // NUM_FRAMES
        payload = bytearray(content[44 : len(content) - 2 * frame_bytes * rng.integers(NUM_FRAMES // 2)])
        for place in rng.integers(0, len(payload), rng.integers(1, 64)):
            payload[place] = rng.integers(256)
        sizes = [(len(payload) + 36).to_bytes(4, "little"), len(payload).to_bytes(4, "little")]
        paths.append(tmp_path / f"{index:03d}.wav")
        paths[-1].write_bytes(content[:4] + sizes[0] + content[8:40] + sizes[1] + payload)
    for path, answer in zip(paths, answers(TOGETHER_CHILD, paths, limit_s=300), strict=True):
        assert answer == {"frames": soundfile.info(path).frames, "decoder": "tensorflow_io"}
