"""Front ends and trunks give the same answers on the JAX backend, with the same weights."""

import importlib.util
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from small_models import FRONT_ENDS, LOG_MEL, SMALL, TASKS
from test_models import noise

from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import TRUNKS, answer, build_model, build_trunk
from mtl_tf.models.steps import SteppedTrunk
from mtl_tf.tasks.task import Task

CHILD = """
import pickle, sys
from pathlib import Path
import keras, numpy as np
from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import answer, build_model, build_trunk

assert keras.backend.backend() == "jax"
cases = pickle.loads(Path(sys.argv[1]).read_bytes())
results = {}
for name, (frontend, trunk, tasks, weights, waveform, counted) in cases.items():
    model = build_model(
        build_frontend(frontend.pop("name"), frontend),
        build_trunk(name, trunk),
        tasks,
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
    for name, trunk in TRUNKS.items():
        frontend, tasks = dict(FRONT_ENDS.get(name, LOG_MEL)), TASKS
        if issubclass(trunk, SteppedTrunk):
            frontend |= {"num_frames": None}
            tasks = TASKS | {"event": Task("event", ("cat", "dog"), "frame_f1", exclusive=False, of_frames=True)}
        options = dict(frontend)
        model = build_model(build_frontend(options.pop("name"), options), build_trunk(name, SMALL[name]), tasks)
        cases[name] = (frontend, SMALL[name], tasks, model.get_weights(), waveform, counted)
        expected[name] = {task: np.asarray(values) for task, values in answer(model, waveform, counted).items()}
    (folder / "cases").write_bytes(pickle.dumps(cases))
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", CHILD, str(folder / "cases"), str(folder / "results")]
    subprocess.run(command, check=True, env=environment, timeout=600)
    return expected, pickle.loads((folder / "results").read_bytes())


@pytest.mark.parametrize("name", TRUNKS)
def test_both_backends_agree(name, jax_answers):
    expected, found = jax_answers
    assert set(found[name]) == set(expected[name]) >= set(TASKS)
    for task in expected[name]:
        np.testing.assert_allclose(found[name][task], expected[name][task], atol=1e-5)
