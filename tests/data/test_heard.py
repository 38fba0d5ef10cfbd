"""The audit measures what the network hears, and no file may end a run but through the audit."""

import json
import os
import struct

import numpy as np
import pytest
import soundfile
from conftest import SMALL_RUN

from mtl_tf.compose import compose
from mtl_tf.config import AuditConfig
from mtl_tf.corpora import get_corpus
from mtl_tf.data.assemble import assemble
from mtl_tf.data.prepare import prepare_corpus
from mtl_tf.errors import UserError
from mtl_tf.experiment import run_experiment
from mtl_tf.runs.predict_files import predict_files
from mtl_tf.tables import read_table


def test_channels_that_cancel_are_silent(tone_corpus, small_run):
    for path in sorted((tone_corpus / "fsdd" / "recordings").glob("1_*"))[:17]:
        samples, rate = soundfile.read(path)
        soundfile.write(path, np.stack([samples, -samples], axis=1), rate)
    with pytest.raises(
        UserError, match=r"17 silent.*that is 17 of 24 clips of 1.*audit\.accept=\[silent\], which keeps them"
    ):
        assemble(compose(small_run))


def test_silence_in_the_part_that_is_used_is_found_by_the_run_that_uses_it(tone_corpus, small_run, tmp_path):
    path = tone_corpus / "fsdd" / "recordings" / "0_theo_3.wav"
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.concatenate([np.zeros(2000), samples[:1500]]), rate)
    assert len(assemble(compose(small_run)).manifest) == 48
    with pytest.raises(UserError, match=r"1 silent, such as recordings/0_theo_3\.wav .*in the part and at the rate"):
        assemble(compose([*small_run, "corpora.fsdd.crop_s=0.2"]))
    assert (tmp_path / "prepared" / "fsdd" / "heard.parquet").is_file()


def test_sound_that_the_rate_of_the_network_does_not_hold_is_silence(tone_corpus, small_run):
    path = tone_corpus / "fsdd" / "recordings" / "0_theo_3.wav"
    time_s = np.arange(9600) / 48000
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 15000 * time_s) * np.hanning(9600), 48000)
    accepted = "corpora.fsdd.sample_rates=[48000]"
    with pytest.raises(UserError, match=r"1 silent.*at the rate that this run uses"):
        assemble(compose([*small_run, accepted]))
    assert len(assemble(compose([*small_run, accepted, "frontend.sample_rate=48000"])).manifest) == 48


def test_manifests_of_two_folders_are_never_taken_for_each_other(tone_corpus, tmp_path):
    other = tmp_path / "other" / "fsdd" / "recordings"
    other.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for take in range(4):
        soundfile.write(other / f"0_theo_{take}.wav", 0.1 * rng.standard_normal(4000), 8000)
    prepared = tmp_path / "prepared"
    for _ in range(2):
        for root, count in ((tone_corpus, 48), (tmp_path / "other", 4)):
            manifest, found = prepare_corpus(get_corpus("fsdd"), str(root), prepared, AuditConfig(), quiet=True)
            assert len(manifest) == count and found == root / "fsdd"


def headers(content, rng):
    """Yields WAVs with fields of their headers changed."""
    for place, width in ((4, 4), (16, 4), (20, 2), (22, 2), (24, 4), (28, 4), (32, 2), (34, 2), (40, 4)):
        for value in (0, 1, 2, 3, 7, 99, 255, 2 ** (8 * width - 1), 2 ** (8 * width) - 1, 2 ** (8 * width) - 8):
            yield content[:place] + struct.pack("<I", value)[:width] + content[place + width :]
    while True:
        damaged = bytearray(content)
        for place in rng.integers(0, 48, 1 + rng.integers(6)):
            damaged[place] = rng.integers(256)
        yield bytes(damaged)


ODD_NAMES = [
    b"0_theo_50 .wav",
    b"0_theo_51.WAV",
    b"0_th\xe9o_52.wav",
    "0_théo_53.wav".encode(),
    b"0_theo\n_54.wav",
    b"0_the'o_55.wav",
]


@pytest.mark.slow
def test_no_header_and_no_name_ends_a_run(tone_corpus, tmp_path, capsys):
    """300 mutated headers and odd names through the audit, a training that skips them, and predictions."""
    folder = tone_corpus / "fsdd" / "recordings"
    content = (folder / "0_theo_5.wav").read_bytes()
    damaged = []
    for index, changed in zip(range(300), headers(content, np.random.default_rng(0)), strict=False):
        damaged.append(folder / f"{index % 2}_theo_{100 + index}.wav")
        damaged[-1].write_bytes(changed)
    for name in ODD_NAMES:
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(content)
    manifest, _ = prepare_corpus(get_corpus("fsdd"), str(tone_corpus), tmp_path / "prepared", AuditConfig(), quiet=True)
    assert len(manifest) == 48 + 300 + len(ODD_NAMES)
    findings = read_table(tmp_path / "prepared" / "fsdd" / "audit.csv")
    assert findings["reason"].str.contains("encoding other than UTF-8").sum() == 1
    run = run_experiment(compose([*SMALL_RUN, f"data_root={tone_corpus}", "audit.on_error=skip", "training.epochs=1"]))
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["clips"]["left_out"] > 100 and sum(metrics["clips"][part] for part in ("train", "validation")) >= 25
    capsys.readouterr()
    files = [*damaged, *(type(folder)(os.fsdecode(os.fsencode(folder) + b"/" + name)) for name in ODD_NAMES)]
    with pytest.raises(UserError, match="of the files could not be answered"):
        predict_files(run, files)
    captured = capsys.readouterr()
    answered = len(captured.out.splitlines())
    refused = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert answered + len(refused) == len(files) and answered > len(ODD_NAMES)
    assert "Traceback" not in captured.err


def test_some_headers_and_names_go_through_the_audit(tone_corpus, tmp_path):
    folder = tone_corpus / "fsdd" / "recordings"
    content = (folder / "0_theo_5.wav").read_bytes()
    for index, changed in zip(range(90), headers(content, np.random.default_rng(0)), strict=False):
        (folder / f"{index % 2}_theo_{100 + index}.wav").write_bytes(changed)
    for name in ODD_NAMES:
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(content)
    data = assemble(compose([*SMALL_RUN, f"data_root={tone_corpus}", "audit.on_error=skip"]))
    assert data.audit["kind"].isin(["corrupt", "misnamed", "duplicate", "empty", "wrong_sample_rate"]).sum() > 60
    assert len(data.manifest) >= 48


def test_a_folder_above_the_corpus_may_have_any_name(tone_corpus, tmp_path):
    place = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 (2)")
    os.rename(tone_corpus, place)  # noqa: PTH104
    for shards in ("true", "false"):
        keys = [f"data_root={place}", f"pipeline.shards={shards}", "training.epochs=1"]
        assert (run_experiment(compose([*SMALL_RUN, *keys])) / "report.html").is_file()
