"""Child process of the step benchmark: `python -m mtl_tf.benchmarks.stepper LIBRARY MODEL`, one library in each.

It answers every line of standard input, `train COUNT`, `infer COUNT` or `matmul COUNT`, with the seconds it took.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mtl_tf.benchmarks.cases import COMPARED, LEARNING_RATE, Case, build_optimizer, build_tasks

MATRIX_SIZE = 2048


@dataclass
class Stepper:
    """What one library can be asked to do.

    Attributes:
        parameters: trainable ones.
        train: takes a number of training steps and returns when they are done.
        infer: the same for batches of inference.
        matmul: the same for products of two square matrices of `MATRIX_SIZE`.
        flops: of a training step and of an inference, where the library counts them.
    """

    parameters: int
    train: Callable[[int], None]
    infer: Callable[[int], None]
    matmul: Callable[[int], None]
    flops: dict[str, int] | None = None


def make_batch(case: Case) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns features (batch, ...) and the labels of every task, the same for both libraries."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((case.batch_size, *case.features)).astype(np.float32)
    return features, {task: rng.integers(0, classes, case.batch_size) for task, classes in case.tasks.items()}


def keras_stepper(name: str) -> Stepper:
    """Builds our trunk and heads, given features and the mask that a front end gives with them, of no padding."""
    import keras
    import tensorflow as tf

    from mtl_tf.data.mapping import several_batches
    from mtl_tf.data.pipeline import untuned
    from mtl_tf.models.build import build_trunk, dense_heads
    from mtl_tf.training.losses import TaskLoss

    case = COMPARED[name]
    keras.utils.set_random_seed(0)
    features, mask = keras.Input(case.features), keras.Input(case.features[:1], dtype="bool")
    trunk = build_trunk(case.model or name, case.model_options)
    tasks = build_tasks(case)
    attach = getattr(trunk, "attach_heads", dense_heads)
    model = keras.Model([features, mask], attach(trunk(features, mask), tasks))
    model.compile(
        build_optimizer(case),
        loss={task: TaskLoss("per_batch") for task in tasks},
        steps_per_execution=case.steps_per_execution,
        jit_compile=False,
    )
    values, labels = make_batch(case)
    inputs = (values, np.ones(values.shape[:2], bool))
    batch = untuned(tf.data.Dataset.from_tensors((inputs, labels)).cache().repeat())
    unlabelled = iter(untuned(tf.data.Dataset.from_tensors((inputs,)).cache().repeat()))
    answer = several_batches(lambda given: model(given, training=False), unlabelled)
    matrix = tf.random.normal([MATRIX_SIZE, MATRIX_SIZE])
    product = tf.function(lambda: tf.matmul(matrix, matrix))

    def train(count: int) -> None:
        steps = case.steps_per_execution
        model.fit(batch, steps_per_epoch=-(-count // steps) * steps, shuffle=False, verbose=0)

    def infer(count: int) -> None:
        steps = case.steps_per_execution
        for _ in range(-(-count // steps)):
            first = next(iter(answer(unlabelled, tf.constant(steps)).values())).numpy()
            assert np.isfinite(first).all()

    def matmul(count: int) -> None:
        for _ in range(count):
            product()[0, 0].numpy()

    return Stepper(
        parameters=sum(int(np.prod(weight.shape)) for weight in model.trainable_weights),
        train=train,
        infer=infer,
        matmul=matmul,
    )


def pytorch_stepper(name: str) -> Stepper:
    """Builds the same model in PyTorch."""
    import torch
    from torch.nn.functional import cross_entropy
    from torch.utils.flop_counter import FlopCounterMode

    from mtl_tf.benchmarks.pytorch_models import TaskNetwork, uncounted_operations

    case = COMPARED[name]
    torch.manual_seed(0)
    model = TaskNetwork(name, case.features, case.tasks)
    kinds = {"adam": torch.optim.Adam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}
    optimizer = kinds[case.optimizer](model.parameters(), lr=LEARNING_RATE)
    features, labels = make_batch(case)
    features = torch.from_numpy(features)
    labels = {task: torch.from_numpy(values) for task, values in labels.items()}
    matrix = torch.randn(MATRIX_SIZE, MATRIX_SIZE)

    def train(count: int) -> None:
        model.train()
        for _ in range(count):
            optimizer.zero_grad()
            outputs = model(features)
            sum(cross_entropy(outputs[task], labels[task]) for task in labels).backward()
            optimizer.step()

    def infer(count: int) -> None:
        model.eval()
        with torch.inference_mode():
            for _ in range(count):
                outputs = model(features)
                assert bool(torch.isfinite(next(iter(outputs.values()))).all())

    def matmul(count: int) -> None:
        for _ in range(count):
            torch.matmul(matrix, matrix)

    with FlopCounterMode(display=False) as step:
        train(1)
    model.train()
    with FlopCounterMode(display=False) as forward:
        model(features)
    uncounted = uncounted_operations(model, features)
    return Stepper(
        # PyTorch's LSTM has two biases where one does
        parameters=sum(value.numel() for name, value in model.named_parameters() if "bias_hh" not in name),
        train=train,
        infer=infer,
        matmul=matmul,
        flops={
            "train": step.get_total_flops() + 3 * uncounted,  # backward takes twice as many
            "infer": forward.get_total_flops() + uncounted,
        },
    )


def main(library: str, name: str) -> None:
    """Answers until standard input ends."""
    stepper = {"keras": keras_stepper, "pytorch": pytorch_stepper}[library](name)
    print(json.dumps({"parameters": stepper.parameters, "flops": stepper.flops}), flush=True)
    for line in sys.stdin:
        what, count = line.split()
        start = time.perf_counter()
        getattr(stepper, what)(int(count))
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
