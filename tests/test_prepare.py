"""`scripts/prepare.py` knows every corpus that an experiment knows."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from conftest import ROOT


def prepare(*arguments):
    command = [sys.executable, str(ROOT / "scripts" / "prepare.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_corpus_without_a_reader_is_prepared_by_its_file(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "sounds" / label).mkdir(parents=True)
        soundfile.write(tmp_path / "sounds" / label / "1.wav", 0.1 * np.sin(np.arange(8000) * (1 + len(label))), 8000)
    (tmp_path / "own" / "corpus").mkdir(parents=True)
    (tmp_path / "own" / "corpus" / "sounds.yaml").write_text(
        f"# @package corpora.sounds\nname: folders\npath: {tmp_path / 'sounds'}\n"
    )
    done = prepare("corpus=sounds", "config_dir=own")
    assert done.returncode == 0 and "label: a 1, b 1" in done.stdout and "licence" not in done.stdout
    assert (tmp_path / "prepared" / "sounds" / "manifest.parquet").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["corpus=fsd"], "no corpus is called fsd. Did you mean fsdd?"),
        ([], "give corpus=NAME, one of ami, arabic_speech_commands"),
        (["corpus=savee", "download=true"], "corpus savee has no public download"),
        (["corpus=bad", "config_dir=own"], "bad.yaml: pth='x': extra inputs are not permitted"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path):
    (tmp_path / "own" / "corpus").mkdir(parents=True)
    (tmp_path / "own" / "corpus" / "bad.yaml").write_text("name: folders\npth: x\n")
    done = prepare(*arguments)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and message in done.stderr
