"""Front ends and trunks give the same answers on the JAX backend, with the same weights."""

import importlib.util
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from small_models import FRONT_ENDS, LOG_MEL, SMALL, TASKS, small_model
from test_models import noise

from mtl_tf.models.build import TRUNKS, answer

CHILD = """
import pickle, sys
from pathlib import Path
import keras, numpy as np
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk
from mtl_tf.tasks.task import Task

assert keras.backend.backend() == "jax"
cases = pickle.loads(Path(sys.argv[1]).read_bytes())
results = {}
for name, (frontend, trunk, tasks, weights, waveform, counted) in cases.items():
    model = build_model(
        build_frontend(frontend.pop("name"), frontend),
        build_trunk(name, trunk),
        {task: Task(task, classes) for task, classes in tasks.items()},
    )
    model.set_weights(weights)
    results[name] = {task: np.asarray(values) for task, values in answer(model, waveform, counted).items()}
Path(sys.argv[2]).write_bytes(pickle.dumps(results))
"""


@pytest.fixture(scope="module")
def jax_answers(tmp_path_factory):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("jax is not installed; it is in the dev extra")
    folder = tmp_path_factory.mktemp("jax")
    waveform = noise(6000, batch=3)
    counted = np.array([6000, 4001, 6000], np.int32)
    cases, expected = {}, {}
    for name in TRUNKS:
        model = small_model(name)
        tasks = {task: entry.classes for task, entry in TASKS.items()}
        cases[name] = (dict(FRONT_ENDS.get(name, LOG_MEL)), SMALL[name], tasks, model.get_weights(), waveform, counted)
        expected[name] = {task: np.asarray(values) for task, values in answer(model, waveform, counted).items()}
    (folder / "cases").write_bytes(pickle.dumps(cases))
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", CHILD, str(folder / "cases"), str(folder / "results")]
    subprocess.run(command, check=True, env=environment, timeout=600)
    return expected, pickle.loads((folder / "results").read_bytes())


@pytest.mark.parametrize("name", TRUNKS)
def test_both_backends_agree(name, jax_answers):
    expected, found = jax_answers
    for task in TASKS:
        np.testing.assert_allclose(found[name][task], expected[name][task], atol=1e-5)
