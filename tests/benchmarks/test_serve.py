import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mtl_tf.benchmarks.batching import load_batched, read_batching
from mtl_tf.benchmarks.command import run_benchmark
from mtl_tf.benchmarks.serve import load_as_served, load_version
from mtl_tf.benchmarks.tasks import measure_tasks
from mtl_tf.errors import UserError
from mtl_tf.serving.export import export_run

FOUR_OR_HALF_A_MINUTE = """
num_batch_threads { value: 2 }  # a comment
max_batch_size { value: 4 } batch_timeout_micros: {value: 30000000}
max_enqueued_batches { value: 64 }
allowed_batch_sizes: 2
allowed_batch_sizes: 4
"""


def test_clients_are_counted_and_nothing_fails(finished_run, tmp_path, request):
    version = export_run(finished_run, tmp_path / "digits")
    script = request.config.rootpath / "scripts" / "benchmark.py"
    options = ["clients=3", "duration_s=3", "clip_s=0.5", f"out={tmp_path / 'load.json'}"]
    command = [sys.executable, str(script), "serve", f"model={version}", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    rows = json.loads((tmp_path / "load.json").read_text())
    assert [row["batch_size"] for row in rows] == [1, 8, 32]
    for row in rows:
        assert row["runtime"] == "tensorflow" and row["clients"] == 3
        assert row["errors"] == 0 and row["requests"] > 0
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert done.stdout.count("| tensorflow |") == 3


def test_requests_are_put_together_and_answered_as_alone(finished_run, tmp_path):
    version = export_run(finished_run, tmp_path / "digits")
    rows = load_version(version, 4, 3.0, 0.5, batching=True)
    assert [row.runtime for row in rows] == ["tensorflow", "batched", "tensorflow", "tensorflow"]
    assert not any(row.errors for row in rows)
    (version.parent / "batching.config").write_text(FOUR_OR_HALF_A_MINUTE)
    ask, alone = load_batched(version, 1), load_as_served(version)
    clips = [np.random.default_rng(index).standard_normal((1, 4000)).astype(np.float32) for index in range(4)]
    start = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, clips))
    assert time.perf_counter() - start < 20.0  # four made the batch full; one would have waited
    for clip, answer in zip(clips, answers, strict=True):
        for task, values in alone(clip).items():
            np.testing.assert_allclose(answer[task], values, atol=1e-5)


def test_a_batching_file_without_a_number_is_named(tmp_path):
    with pytest.raises(UserError, match=r"batching\.config: No such file"):
        read_batching(tmp_path / "batching.config")
    (tmp_path / "batching.config").write_text("num_batch_threads { value: 2 }  # max_batch_size { value: 2 }")
    with pytest.raises(UserError, match="does not say max_batch_size"):
        read_batching(tmp_path / "batching.config")


def test_a_server_is_loaded_in_place_of_the_file_and_its_memory_is_watched(finished_run, tmp_path, request):
    version = export_run(finished_run, tmp_path / "digits")
    program = request.config.rootpath / "tests" / "serving" / "loopback_server.py"
    command = [sys.executable, str(program), str(version)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address, process = server.stdout.readline().split()
            rows = load_version(version, 2, 3.0, 0.5, address, int(process))
            with pytest.raises(UserError, match="serves version 1 of digits, not 2"):
                load_version(version.rename(version.with_name("2")), 2, 3.0, 0.5, address)
        finally:
            server.kill()
    assert [(row.runtime, row.errors) for row in rows] == [("server", 0)] * 3
    assert all(row.requests > 0 and abs(row.memory_growth) < 1 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["serve", "clients=many"], "clients=many: give a whole number"),
        (["serve", "duration_s=long"], "duration_s=long: give a number"),
        (["serve", "batching=maybe"], "batching=maybe: give true or false"),
        (["tasks", "rounds=0"], "rounds=0: give a number above 0"),
    ],
)
def test_a_value_that_does_not_fit_is_named(arguments, message):
    with pytest.raises(UserError, match=message):
        run_benchmark(arguments)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no SavedModel; give model=FOLDER"):
        load_version(tmp_path, 1, 1.0, 1.0)


def test_costs_of_tasks_are_of_the_model_asked_for():
    (row,) = measure_tasks(["shared_dnn"], 1)
    assert row.model == "shared_dnn" and row.single_ms > 0
    assert row.ratio == pytest.approx(row.shared_ms / row.single_ms)  # of one round
