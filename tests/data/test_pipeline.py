import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_tf.compose import compose
from mtl_tf.config import PipelineConfig
from mtl_tf.data.assemble import assemble, divide
from mtl_tf.data.audit import inspect_clip
from mtl_tf.data.clip_source import ClipSource, decoder_of, tensorflow_io_works
from mtl_tf.data.pipeline import evaluation_dataset, pad_batch, training_dataset
from mtl_tf.data.sampling import EpochSampler
from mtl_tf.errors import UserError

RATE = 8000


def write_clips(folder, subtypes, rates=(RATE,), channels=(1, 2)):
    rng = np.random.default_rng(0)
    rows = []
    for subtype in subtypes:
        for rate in rates:
            for count in channels:
                name = f"{subtype}_{rate}_{count}.wav"
                soundfile.write(folder / name, 0.2 * rng.standard_normal((4000, count)), rate, subtype)
                facts = vars(inspect_clip(str(folder / name), 0.0, float("nan")))
                rows.append({**facts, "corpus": "x", "path": name, "start_s": 0.0, "duration_s": np.nan})
    return pd.DataFrame(rows)


def source(table, folder, decoder="auto", crop_s=None):
    table = table.assign(decoder=decoder_of(table, PipelineConfig(clip_s=1.0, decoder=decoder), RATE))
    return table, ClipSource.from_manifest(table, {"x": folder}, {"x": crop_s}, RATE)


def collect(clips, positions):
    batches = evaluation_dataset(clips, np.asarray(positions), {}, {}, PipelineConfig(clip_s=1.0, batch_size=1))
    return [inputs["waveform"].numpy()[0] for inputs, _, _ in batches]


def test_tensorflow_io_loads_on_this_stack():
    assert tensorflow_io_works()


@pytest.mark.parametrize("crop_s", [None, 0.2])
def test_both_decoders_agree_sample_for_sample(crop_s, tmp_path):
    table = write_clips(tmp_path, ["PCM_16", "PCM_24"], rates=(RATE, 11025))
    vetted, in_graph = source(table, tmp_path, crop_s=crop_s)
    assert vetted.groupby("sample_rate")["decoder"].unique().map(list).to_dict() == {
        RATE: ["tensorflow_io"],
        11025: ["soundfile"],
    }
    _, by_soundfile = source(table, tmp_path, "soundfile", crop_s=crop_s)
    for ours, reference in zip(collect(in_graph, range(8)), collect(by_soundfile, range(8)), strict=True):
        assert ours.shape == reference.shape
        np.testing.assert_allclose(ours, reference, atol=1e-7)


def test_what_tensorflow_io_misreads_goes_to_soundfile(tmp_path):
    table, clips = source(write_clips(tmp_path, ["PCM_16", "PCM_32", "FLOAT", "PCM_U8"]), tmp_path)
    assert table.groupby("subtype")["decoder"].unique().map(list).to_dict() == {
        "PCM_16": ["tensorflow_io"],
        "PCM_32": ["soundfile"],
        "FLOAT": ["soundfile"],
        "PCM_U8": ["soundfile"],
    }
    for samples, path in zip(collect(clips, range(len(table))), table["path"], strict=True):
        expected, _ = soundfile.read(tmp_path / path, dtype="float32", always_2d=True)
        np.testing.assert_allclose(samples, expected.mean(axis=1), atol=1e-7)


def test_a_batch_is_padded_with_zeros_and_cropped_where_told():
    samples = np.arange(1.0, 11.0, dtype=np.float32)
    whole, short = [*range(1, 11), 0, 0], [[1, 2, 3, 0, 0], [1, 2, 3, 4, 5]]
    assert [values.tolist() for values in pad_batch([samples], [0.5], 12)] == [[whole], [10], [0]]
    cut = pad_batch([samples, samples], [0.0, 0.999], 4)
    assert [values.tolist() for values in cut] == [[[1, 2, 3, 4], [7, 8, 9, 10]], [4, 4], [0, 6]]
    padded = pad_batch([samples[:3], samples[:5]], [0.9, 0.9], None)
    assert [values.tolist() for values in padded] == [short, [3, 5], [0, 0]]
    starts = {int(pad_batch([samples], [crop], 4)[0][0, 0]) for crop in np.linspace(0, 0.999, 200)}
    assert starts == {1, 2, 3, 4, 5, 6, 7}


def test_a_training_batch_can_be_cut_to_its_shortest_clip(small_run):
    batches, _ = batches_of(
        small_run, ["pipeline.batch_length=shortest", "pipeline.clip_s=10", "pipeline.batch_size=5"]
    )
    lengths = [inputs["waveform"].shape[1] for inputs, _, _ in batches]
    assert len(set(lengths)) > 1 and max(lengths) < 0.5 * RATE
    assert all((inputs["waveform"][:, -200:] != 0).any(axis=1).all() for inputs, _, _ in batches)


def test_a_training_batch_can_be_padded_to_its_longest_clip(small_run):
    for clip_s in (10, 0.4):
        own, _ = batches_of(
            small_run, ["pipeline.batch_length=longest", f"pipeline.clip_s={clip_s}", "pipeline.batch_size=2"]
        )
        widths = {inputs["waveform"].shape[1] for inputs, _, _ in own}
        assert len(widths) > 1 and max(widths) <= min(clip_s, 0.5) * RATE
        assert all(inputs["waveform"].shape[1] == inputs["length"].max() for inputs, _, _ in own)


@pytest.mark.parametrize("length", ["fixed", "shortest", "longest"])
@pytest.mark.parametrize("clip_s", [0.2, 0.3, 2.0])
def test_crops_are_the_same_whichever_way_clips_are_decoded(length, clip_s, small_run):
    short = (f"pipeline.clip_s={clip_s}", "pipeline.batch_size=5", f"pipeline.batch_length={length}")
    in_graph, _ = batches_of(small_run, short)
    by_soundfile, _ = batches_of(small_run, [*short, "pipeline.decoder=soundfile"])
    assert same(in_graph, by_soundfile)


def batches_of(small_run, overrides=(), epochs=range(2), seed=0):
    config = compose([*small_run, *overrides, f"seed={seed}"])
    data = assemble(config)
    data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, RATE)
    fold = divide(data, config, 0)
    clips = ClipSource.from_manifest(data.manifest, data.roots, {"fsdd": None}, RATE)
    positions = fold.positions("train")
    sampler = EpochSampler(np.zeros(len(positions), int), np.ones(1), "proportional", 1.0, config.seed)
    dataset = training_dataset(clips, positions, fold.labels, fold.weights, sampler, config.pipeline, epochs)
    return [tf.nest.map_structure(np.asarray, batch) for batch in dataset], fold


def same(first, second):
    return all(
        np.array_equal(a, b) for a, b in zip(tf.nest.flatten(list(first)), tf.nest.flatten(list(second)), strict=True)
    )


def test_same_seed_same_batches_other_seed_other_batches(small_run):
    first, _ = batches_of(small_run)
    again, _ = batches_of(small_run)
    other, _ = batches_of(small_run, seed=1)
    assert same(first, again)
    assert not same(first, other)


def test_noise_is_of_the_asked_level_in_half_of_the_clips_and_a_function_of_seed_and_epoch(small_run):
    overrides = ["pipeline.noise_db=[-60,-40]"]
    plain, noisy, again = (batches_of(small_run, keys)[0] for keys in ((), overrides, overrides))
    added = [
        with_noise[0]["waveform"] - without[0]["waveform"] for without, with_noise in zip(plain, noisy, strict=True)
    ]
    levels_db = 20 * np.log10(np.concatenate([np.sqrt(np.mean(noise**2, axis=1)) for noise in added]) + 1e-9)
    chosen = levels_db > -179
    assert 0.3 < chosen.mean() < 0.7
    assert -60.3 < levels_db[chosen].min() < -55 and -45 < levels_db[chosen].max() < -39.7
    assert same(noisy, again)
    assert same(noisy[len(noisy) // 2 :], batches_of(small_run, overrides, range(1, 2))[0])
    half = len(added) // 2
    assert not any(np.array_equal(first, second) for first, second in zip(added[:half], added[half:], strict=True))


def test_an_epoch_streamed_alone_is_that_epoch(small_run):
    both, _ = batches_of(small_run, epochs=range(2))
    second, _ = batches_of(small_run, epochs=range(1, 2))
    assert same(both[len(both) // 2 :], second)


def test_every_training_clip_comes_once_with_its_labels(small_run):
    batches, fold = batches_of(small_run, epochs=range(1))
    count = sum(len(inputs["length"]) for inputs, _, _ in batches)
    assert count == len(fold.positions("train"))
    for inputs, labels, weights in batches:
        waveform, length = inputs["waveform"], inputs["length"]
        assert waveform.dtype == np.float32 and waveform.shape[1] == RATE // 2 and length.dtype == np.int32
        assert all(not row[count:].any() and row[:count].any() for row, count in zip(waveform, length, strict=True))
        assert set(labels) == set(weights) == {"digit", "speaker"}
        assert labels["digit"].dtype == np.int32
    digits = np.bincount(np.concatenate([labels["digit"] for _, labels, _ in batches]))
    assert np.array_equal(digits, np.bincount(fold.labels["digit"][fold.positions("train")]))


def test_a_file_that_vanishes_stops_the_epoch_and_is_named(small_run, tmp_path):
    victim = sorted((tmp_path / "data" / "fsdd" / "recordings").glob("1_*"))[-1]
    for decoder in ("soundfile", "auto"):
        config = compose([*small_run, f"pipeline.decoder={decoder}"])
        data = assemble(config)
        data.manifest["decoder"] = decoder_of(data.manifest, config.pipeline, RATE)
        clips = ClipSource.from_manifest(data.manifest, data.roots, {"fsdd": None}, RATE)
        content = victim.read_bytes()
        victim.write_bytes(content[:100] if decoder == "soundfile" else content[:-100])
        with pytest.raises(tf.errors.OpError) as caught:
            list(evaluation_dataset(clips, np.arange(len(data.manifest)), {}, {}, config.pipeline))
        error = clips.explain(caught.value)
        assert isinstance(error, UserError) and victim.name in str(error)
        victim.write_bytes(content)


MEMORY_CHILD = """
import resource, sys
import numpy as np, pandas as pd
from pathlib import Path
from mtl_tf.compose import compose
from mtl_tf.data.assemble import RunData, divide
from mtl_tf.data.audit import FINDING_COLUMNS
from mtl_tf.data.clip_source import ClipSource
from mtl_tf.data.pipeline import training_dataset
from mtl_tf.data.sampling import EpochSampler

rows, folder = int(sys.argv[1]), Path(sys.argv[2])
index = np.arange(rows)
manifest = pd.DataFrame({
    "corpus": "fsdd", "clip_id": pd.Series(index).map("fsdd/an_identifier_as_long_as_published_ones_{:06d}".format),
    "path": pd.Series(index % 10).map("{:02d}_a_name_as_long_as_those_of_published_corpora.wav".format),
    "start_s": 0.0, "duration_s": np.nan, "start_frame": 0, "num_frames": 4000, "sample_rate": 8000, "plain_pcm_bits":
    16, "decoder": "tensorflow_io", "speaker": pd.Series(index % 7).astype(str), "digit": pd.Series(index %
    10).astype(str), "official_split": np.where(index % 10 == index // 10 % 10, "test", "train"), "official_fold":
    pd.NA, "audio_sha1": pd.Series(index).map("{:040d}".format), "recording": pd.Series(index).map("{:040d}".format),
})
config = compose(["experiment=fsdd", "pipeline.clip_s=0.5"])
fold = divide(RunData(manifest, {"fsdd": folder}, pd.DataFrame(columns=FINDING_COLUMNS)), config, 0)
source = ClipSource.from_manifest(manifest, {"fsdd": folder}, {"fsdd": None}, 8000)
train = fold.positions("train")
sampler = EpochSampler(np.zeros(len(train), int), np.ones(1), "proportional", 1.0, 0)
dataset = training_dataset(source, train, fold.labels, fold.weights, sampler, config.pipeline, range(1000))
for batch in dataset.take(200):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    for index in range(10):
        name = f"{index:02d}_a_name_as_long_as_those_of_published_corpora.wav"
        soundfile.write(tmp_path / name, 0.1 * np.ones(4000), 8000, "PCM_16")
    used = [
        json.loads(subprocess.check_output([sys.executable, "-c", MEMORY_CHILD, str(rows), str(tmp_path)], timeout=300))
        for rows in (100, 100_000)
    ]
    assert used[1] - used[0] <= 400


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    crops=st.lists(st.floats(0, 1, exclude_max=True, width=32), min_size=5, max_size=5),
    num_samples=st.integers(1, 60),
)
def test_any_crop_is_a_stretch_of_its_clip(lengths, crops, num_samples):
    """Samples are numbered from 1, so that what stands in the batch says where it came from."""
    clips = [np.arange(1, length + 1, dtype=np.float32) for length in lengths]
    batch, counts, starts = pad_batch(clips, np.array(crops[: len(clips)]), num_samples)
    assert batch.shape == (len(clips), num_samples)
    for row, clip, count, start in zip(batch, clips, counts, starts, strict=True):
        kept = min(len(clip), num_samples)
        assert count == kept and clip[start] == row[0]
        first = row[0]
        np.testing.assert_array_equal(row, [*np.arange(first, first + kept), *[0] * (num_samples - kept)])
        assert 1 <= first <= len(clip) - kept + 1
    whole, lengths, _ = pad_batch(clips, np.zeros(len(clips)), None)
    assert lengths.tolist() == [len(clip) for clip in clips]
    again, *_ = pad_batch(
        [row[: len(clip)] for row, clip in zip(whole, clips, strict=True)], np.array(crops[: len(clips)]), num_samples
    )
    np.testing.assert_array_equal(again, batch)
