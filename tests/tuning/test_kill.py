"""Searches under kills and with several workers, in processes of their own."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT, SMALL_RUN
from test_tune import SEARCH, trials_of, tune

from mtl_tf.tuning import names as files

pytestmark = pytest.mark.slow
KEPT = ["trial", "status", "score", "epochs", "training.learning_rate", "training.class_weights"]


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "tune.py"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def outcome(folder):
    """What a search found, without what its processes cost."""
    table = trials_of(folder)[KEPT].sort_values("trial").reset_index(drop=True)
    best = table.loc[table["score"].astype(float).idxmax()]
    return table.to_dict("records"), best.to_dict()


def no_trial_is_left(folder: Path) -> bool:
    """Says whether every process that carries out a trial of a folder has ended."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(word.startswith("mtl_tf.tuning.") for word in words) and any(str(folder) in word for word in words):
            return False
    return True


@pytest.mark.parametrize("tuner", ["hyperband", "bayesian"])
def test_a_kill_at_any_moment_loses_and_repeats_nothing(tuner, tone_corpus):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH, f"tuner={tuner}", "trials=7", "factor=2"]
    whole, _ = tune(*arguments, "tuning_dir=whole")
    rng, killed = random.Random(0), 0
    while True:
        process = start(*arguments, "tuning_dir=killed")
        try:
            output, _ = process.communicate(timeout=rng.uniform(12, 40))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            found = sorted(Path("killed/fsdd").glob("*"))
            deadline = time.monotonic() + 10
            while found and not no_trial_is_left(found[0]):
                assert time.monotonic() < deadline, "a trial outlived its search"
                time.sleep(0.2)
            before = {path: path.read_bytes() for path in Path("killed").rglob(f"{files.RESULTS}/*.json")}
            assert killed < 40
            continue
        assert process.returncode == 0
        break
    folder = Path(output.splitlines()[-1])
    assert killed and len(list(Path("killed/fsdd").iterdir())) == 1
    assert all(path.read_bytes() == content for path, content in before.items()), "a trial that had ended was run again"
    assert outcome(folder) == outcome(whole)


def test_two_workers_find_what_one_finds_and_a_killed_worker_loses_its_trial_alone(tone_corpus):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH, "trials=5"]
    alone, _ = tune(*arguments, "tuning_dir=alone")
    process = start(*arguments, "tuning_dir=two", "workers=2")
    worker = None
    deadline = time.monotonic() + 240
    while worker is None and time.monotonic() < deadline:
        time.sleep(0.5)
        children = psutil.Process(process.pid).children(recursive=True)
        busy = [child for child in children if "mtl_tf.tuning.execution" in child.cmdline()]
        worker = busy[0].parent() if len(busy) == 2 else None
    worker.kill()
    output, _ = process.communicate(timeout=900)
    assert process.returncode == 0
    found, expected = outcome(Path(output.splitlines()[-1])), outcome(alone)
    assert found == expected


def test_an_interrupted_trial_goes_on_from_its_epoch(tone_corpus):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH, "trials=1", "training.epochs=200"]
    process = start(*arguments)
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        time.sleep(0.05)
        histories = list(Path("tuning").rglob("history.csv"))
        if histories and len(histories[0].read_bytes().splitlines()) > 3:
            break
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (folder,) = Path("tuning/fsdd").iterdir()
    while not no_trial_is_left(folder):
        time.sleep(0.2)
    begun = histories[0].read_bytes().splitlines()[1:]
    assert 3 <= len(begun) < 200
    tune(*arguments)
    assert list(Path("tuning").rglob("history.csv")) == histories  # the same run, and none beside it
    after = histories[0].read_bytes().splitlines()[1:]
    assert len(after) == 200 and after[: len(begun) - 1] == begun[:-1]


def test_a_killed_chief_loses_nothing(tone_corpus):
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH, "trials=5", "workers=2"]
    process = start(*arguments)
    deadline = time.monotonic() + 240
    while not list(Path("tuning").rglob(f"{files.RESULTS}/*.json")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.kill()
    process.communicate()
    (folder,) = Path("tuning/fsdd").iterdir()
    deadline = time.monotonic() + 10
    while not no_trial_is_left(folder):
        assert time.monotonic() < deadline, "a worker outlived its chief"
        time.sleep(0.2)
    before = {path: path.read_bytes() for path in (folder / files.RESULTS).iterdir()}
    again, _ = tune(*arguments)
    assert again == folder and len(trials_of(folder)) == 5
    assert all(path.read_bytes() == content for path, content in before.items())


def test_workers_elsewhere_are_given_an_address_by_the_environment(tone_corpus):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(port), "PYTHONPATH": str(ROOT)}
    script = [sys.executable, str(ROOT / "scripts" / "tune.py")]
    arguments = [*SMALL_RUN, f"data_root={tone_corpus}", *SEARCH, "trials=2"]
    chief = subprocess.Popen(
        [*script, *arguments],
        env={**os.environ, **address, "KERASTUNER_TUNER_ID": "chief"},
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (found := list(Path("tuning/fsdd").glob(f"*/{files.ORACLE}"))) and time.monotonic() < deadline:
        time.sleep(0.5)
    worker = subprocess.run(
        [*script, f"worker={found[0].parent}"],
        env={**os.environ, **address, "KERASTUNER_TUNER_ID": "worker1"},
        timeout=600,
        check=False,
    )
    output, _ = chief.communicate(timeout=120)
    assert (worker.returncode, chief.returncode) == (0, 0)
    assert len(trials_of(Path(output.splitlines()[-1]))) == 2
