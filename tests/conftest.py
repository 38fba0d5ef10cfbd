"""Shared fixtures: recorded audio if it is there, small made corpora otherwise."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the scripts do

ROOT = Path(__file__).resolve().parents[1]
REAL_AUDIO = Path(os.environ.get("MTL_TF_DATA", ROOT.parent / "shared" / "data"))
SMALL_RUN = (
    "experiment=fsdd",
    "recipe=plain",
    "pipeline.noise_db=null",
    "tasks.digit.classes=['0','1']",
    "pipeline.clip_s=0.5",
    "pipeline.batch_size=8",
    "pipeline.shards=false",
    "model.filters=[4,8]",
    "model.embedding_units=16",
    "frontend.num_mel_bins=16",
    "training.epochs=3",
    "quiet=true",
)


def write_tone_corpus(data_root: Path) -> Path:
    """Writes an FSDD of two digits (tones) by two speakers (hums), takes 0 to 11, told apart in seconds of training."""
    folder = data_root / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for digit, tone_hz in enumerate((600, 1800)):
        for name, voice_hz in (("jackson", 90), ("theo", 210)):
            for take in range(12):
                time_s = np.arange(int(8000 * rng.uniform(0.3, 0.5))) / 8000
                tone = np.sin(2 * np.pi * tone_hz * rng.uniform(0.95, 1.05) * time_s)
                voice = np.sign(np.sin(2 * np.pi * voice_hz * time_s))
                samples = 0.2 * tone + 0.1 * voice + 0.01 * rng.standard_normal(len(time_s))
                soundfile.write(folder / f"{digit}_{name}_{take}.wav", samples.astype(np.float32), 8000, "PCM_16")
    return data_root


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Every test and fixture draws the same weights and numbers, whatever ran before it in the same process."""
    import keras

    keras.utils.set_random_seed(0)
    generator = getattr(item.module, "RNG", None)
    if generator is not None:
        generator.bit_generator.state = np.random.default_rng(0).bit_generator.state


@pytest.fixture(scope="session")
def real_audio() -> Path:
    """The folder of recorded corpora; the test is skipped without it."""
    if not REAL_AUDIO.is_dir():
        pytest.skip(f"no recorded audio at {REAL_AUDIO}; set MTL_TF_DATA")
    return REAL_AUDIO


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own, without the user's data root."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MTL_TF_DATA", raising=False)


@pytest.fixture
def tone_corpus(tmp_path) -> Path:
    """A data root with a small made FSDD."""
    return write_tone_corpus(tmp_path / "data")


@pytest.fixture
def small_run(tone_corpus) -> list[str]:
    """Overrides of a run on `tone_corpus` that takes seconds."""
    return [*SMALL_RUN, f"data_root={tone_corpus}"]


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    """The folder of a small finished run, made once; its data lies three folders up, under `data`."""
    from mtl_tf.compose import compose
    from mtl_tf.experiment import run_experiment

    folder = tmp_path_factory.mktemp("finished")
    data = write_tone_corpus(folder / "data")
    places = (f"data_root={data}", f"prepared_dir={folder / 'prepared'}", f"runs_dir={folder / 'runs'}")
    return run_experiment(compose([*SMALL_RUN, *places, "training.epochs=12", "training.learning_rate=0.01"]))
