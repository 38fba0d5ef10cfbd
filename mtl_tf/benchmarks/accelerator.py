"""Front end and training step of the papers' models on whatever JAX runs on: a GPU, or the processor."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtl_tf.benchmarks.cases import CASES, build_optimizer, build_tasks, check_names
from mtl_tf.errors import UserError

POLICIES = ("float32", "mixed_bfloat16")
ROUNDS, SECONDS_PER_ROUND = 5, 1.0


@dataclass(frozen=True)
class AcceleratorSpeed:
    """What was measured of one model.

    Attributes:
        model: its name.
        frontend_clips_per_s: clips whose features are computed in a second.
        train_clips_per_s: clips trained on in a second, front end included.
        share_of_peak: operations per second of the compiled step, as XLA counts them, relative to those of a product
            of two large matrices in the same precision.
    """

    model: str
    frontend_clips_per_s: float
    train_clips_per_s: float
    share_of_peak: float


def device_name() -> str:
    """Returns what JAX calls the device it runs on."""
    import jax

    return jax.devices()[0].device_kind


def measure_models(models: list[str], batch_size: int | None, policy: str) -> list[AcceleratorSpeed]:
    """Measures models one after the other; every time is the median of five rounds of about a second.

    Args:
        models: names from `CASES`.
        batch_size: clips of a step; None: the paper's.
        policy: `float32` or `mixed_bfloat16`.

    Raises:
        UserError: an unknown model or policy, or Keras has been imported with another backend.
    """
    check_names(models)
    if policy not in POLICIES:
        raise UserError(f"policy={policy}: give {' or '.join(POLICIES)}")
    os.environ["KERAS_BACKEND"] = "jax"
    import keras

    if keras.backend.backend() != "jax":
        raise UserError("this benchmark runs on Keras's JAX backend; set KERAS_BACKEND=jax")
    keras.config.set_dtype_policy(policy)
    peak = _peak_flops(policy)
    return [_measure(name, batch_size, peak) for name in models]


def _measure(name: str, batch_size: int | None, peak: float) -> AcceleratorSpeed:
    import jax
    import keras
    from jax import numpy as jnp

    from mtl_tf.frontends.build import build_frontend
    from mtl_tf.models.build import build_model, build_trunk

    case = CASES[name]
    keras.utils.set_random_seed(0)
    frontend = build_frontend(case.frontend, case.frontend_options)
    model = build_model(frontend, build_trunk(name, {}), build_tasks(case))
    optimizer = build_optimizer(case)
    optimizer.build(model.trainable_variables)
    batch = batch_size or case.batch_size
    rng = np.random.default_rng(0)
    samples = round(case.clip_s * case.frontend_options["sample_rate"])
    waveform = jnp.asarray(0.1 * rng.standard_normal((batch, samples)), jnp.float32)
    labels = {task: jnp.asarray(rng.integers(0, count, batch)) for task, count in case.tasks.items()}

    def loss(trainable, fixed, waveform):
        outputs, fixed = model.stateless_call(trainable, fixed, {"waveform": waveform, "length": None}, training=True)
        losses = [keras.losses.sparse_categorical_crossentropy(labels[task], outputs[task]).mean() for task in labels]
        return sum(losses), fixed

    def step(state, waveform):
        trainable, fixed, slots = state
        (value, fixed), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, fixed, waveform)
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return (trainable, fixed, slots), value

    def values(variables):
        return [variable.value for variable in variables]

    state = (values(model.trainable_variables), values(model.non_trainable_variables), values(optimizer.variables))
    compiled = jax.jit(step).lower(state, waveform).compile()
    features = jax.jit(lambda waveform: frontend(waveform)[0])

    def train() -> None:
        nonlocal state
        state, value = compiled(state, waveform)
        value.block_until_ready()

    train_s = _median_seconds(train)
    frontend_s = _median_seconds(lambda: features(waveform).block_until_ready())
    return AcceleratorSpeed(name, batch / frontend_s, batch / train_s, _flops(compiled) / train_s / peak)


def _peak_flops(policy: str) -> float:
    import jax
    from jax import numpy as jnp

    size = 2048 if jax.default_backend() == "cpu" else 8192
    matrix = jnp.ones((size, size), jnp.float32 if policy == "float32" else jnp.bfloat16)
    product = jax.jit(jnp.matmul)
    return 2 * size**3 / _median_seconds(lambda: product(matrix, matrix).block_until_ready())


def _flops(compiled) -> float:
    analysis = compiled.cost_analysis()
    return (analysis[0] if isinstance(analysis, list) else analysis)["flops"]


def _median_seconds(function: Callable[[], None]) -> float:
    function()
    start = time.perf_counter()
    function()
    count = max(1, round(SECONDS_PER_ROUND / (time.perf_counter() - start)))
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            function()
        times.append((time.perf_counter() - start) / count)
    return statistics.median(times)
