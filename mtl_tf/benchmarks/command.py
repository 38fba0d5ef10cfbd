"""Reads what to measure from the command line, measures it, and prints a table."""

import json
from pathlib import Path

from mtl_tf.benchmarks.cases import CASES, COMPARED, MODELS
from mtl_tf.errors import UserError, nearest_hint
from mtl_tf.files import write_whole
from mtl_tf.values import read_arguments

DEFAULTS = {
    "pipeline": {"num_clips": 512, "clip_s": 3.0, "file_rate": 48000, "num_parallel_calls": 2},
    "step": {"models": ",".join(COMPARED), "rounds": 9, "out": ""},
    "serve": {
        "model": "",
        "clients": 8,
        "duration_s": 600.0,
        "clip_s": 3.0,
        "server": "",
        "server_pid": 0,
        "batching": False,
        "out": "",
    },
    "tasks": {"models": ",".join(MODELS), "rounds": 9, "out": ""},
    "tune": {"experiment": "fsdd", "trials": 6, "epochs": 3, "data_root": "", "out": ""},
    "study": {
        "experiment": "fsdd_and_esc10",
        "tasks": "[digit,fsdd_speaker,scene,sound_family]",
        "seeds": 3,
        "epochs": 3,
        "singles": 4,
        "data_root": "",
        "out": "",
    },
    "augment": {"model": "residual_cnn", "augment": "[warp,spec_augment,mix_features]", "rounds": 9, "out": ""},
    "balancing": {"num_tasks": 3, "rounds": 9, "out": ""},
    "gpu": {"models": ",".join(CASES), "batch_size": 0, "policy": "float32", "out": ""},
}


def run_benchmark(arguments: list[str]) -> None:
    """Runs one benchmark.

    Args:
        arguments: its name, and `key=value` for what differs from `DEFAULTS`.

    Raises:
        UserError: an unknown name, key or value.
        OSError: no room for the results.
    """
    what = arguments[0] if arguments else ""
    if not what:
        raise UserError(f"say what to measure: scripts/benchmark.py {' or '.join(DEFAULTS)}")
    if what not in DEFAULTS:
        raise UserError(f"no benchmark is called {what}.{nearest_hint(what, DEFAULTS)}")
    defaults = DEFAULTS[what]
    given, _ = read_arguments(arguments[1:], list(defaults))
    values = {key: _read_value(key, given.get(key, default), default) for key, default in defaults.items()}
    _make_room(values.get("out", ""))
    {
        "pipeline": _pipeline,
        "step": _step,
        "serve": _serve,
        "tasks": _tasks,
        "tune": _tune,
        "study": _study,
        "augment": _augment,
        "balancing": _balancing,
        "gpu": _gpu,
    }[what](values)


def _read_value(key: str, given: object, default: str | float) -> str | float:
    kind = type(default)
    if kind is bool:
        if str(given).lower() not in ("true", "false"):
            raise UserError(f"{key}={given}: give true or false")
        return str(given).lower() == "true"
    try:
        value = kind(given)
    except ValueError:
        raise UserError(f"{key}={given}: give a {'whole ' if kind is int else ''}number") from None
    if kind is not str and not (0 < value < float("inf") or value == default):
        raise UserError(f"{key}={given}: give a number above 0")
    return value


def _names(values: dict) -> list[str]:
    return values["models"].strip("[]").split(",")


def _make_room(out: str) -> None:
    """Finds out before measuring whether the results can be written."""
    if out and Path(out).is_dir():
        raise UserError(f"out={out} is a folder; name a file")
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"out={out} would lie under {error.filename}, which is a file") from error


def _pipeline(values: dict) -> None:
    from mtl_tf.benchmarks.pipeline import compare_pipeline

    result = compare_pipeline(**values)
    print(f"ours:    {result['ours']:8.1f} clips/s")
    print(f"librosa: {result['librosa']:8.1f} clips/s")
    print(f"ratio:   {result['ratio']:8.2f}   (features differ by {result['difference']:.1e} of their largest value)")


def _step(values: dict) -> None:
    from mtl_tf.benchmarks.step import compare_steps

    results = compare_steps(_names(values), values["rounds"])
    _print_row("model", "mode", "batch", "ours, ms", "PyTorch, ms", "times faster", "share of peak")
    _print_row(*["---"] * 7)
    for row in results:
        times = f"{1000 * row.keras_s:.1f}", f"{1000 * row.pytorch_s:.1f}", f"{row.ratio:.2f}"
        _print_row(row.model, row.mode, row.batch_size, *times, f"{100 * row.share_of_peak:.0f} %")
    _save(results, values["out"])


def _serve(values: dict) -> None:
    from mtl_tf.benchmarks.serve import load_version

    results = load_version(Path(values["model"]), **{key: values[key] for key in values if key not in ("model", "out")})
    _print_row("runtime", "batch", "requests", "errors", "p50, ms", "p95, ms", "p99, ms", "clips/s", "memory growth")
    _print_row(*["---"] * 9)
    for row in results:
        times = f"{row.p50_ms:.1f}", f"{row.p95_ms:.1f}", f"{row.p99_ms:.1f}"
        growth = "" if row.memory_growth is None else f"{100 * row.memory_growth:+.1f} %"
        _print_row(row.runtime, row.batch_size, row.requests, row.errors, *times, f"{row.clips_per_s:.1f}", growth)
    _save(results, values["out"])


def _tasks(values: dict) -> None:
    from mtl_tf.benchmarks.tasks import measure_tasks

    results = measure_tasks(_names(values), values["rounds"])
    _print_row("model", "one task, ms", "four tasks, ms", "four / one", "four / four models")
    _print_row(*["---"] * 5)
    for row in results:
        times = f"{row.single_ms:.1f}", f"{row.shared_ms:.1f}"
        _print_row(row.model, *times, f"{row.ratio:.2f}", f"{row.share:.2f}")
    _save(results, values["out"])


def _tune(values: dict) -> None:
    from mtl_tf.benchmarks.tune import measure_search

    result = measure_search(values["experiment"], values["trials"], values["epochs"], values["data_root"])
    _print_row("trials", "one worker, s", "two workers, s", "two / one", "same scores")
    _print_row(*["---"] * 5)
    times = f"{result.one_s:.0f}", f"{result.two_s:.0f}"
    _print_row(result.trials, *times, f"{result.ratio:.2f}", "yes" if result.same else "no")
    _save([result], values["out"])


def _study(values: dict) -> None:
    from mtl_tf.benchmarks.study import measure_study

    result = measure_study(**{key: value for key, value in values.items() if key != "out"})
    print(f"{result.cells} cells: {result.study_s:.0f} s, {result.beyond_s:.1f} s each beyond its training steps")
    print(f"one by one: {result.single_s:.0f} s each")
    print(f"ratio: {result.ratio:.2f}")
    _save([result], values["out"])


def _augment(values: dict) -> None:
    from mtl_tf.benchmarks.augment import measure_augmentations

    together = [name for name in values["augment"].strip("[]").split(",") if name]
    results = measure_augmentations(values["model"], together, values["rounds"])
    _print_row("augment", "step, ms", "beside none")
    _print_row(*["---"] * 3)
    for row in results:
        _print_row(row.augment, f"{1000 * row.step_s:.1f}", f"{row.ratio:.2f}")
    _save(results, values["out"])


def _balancing(values: dict) -> None:
    from mtl_tf.benchmarks.balancing import measure_balancing

    results = measure_balancing(values["num_tasks"], values["rounds"])
    _print_row("method", "tasks", "step, ms", "beside adding the losses")
    _print_row(*["---"] * 4)
    for row in results:
        _print_row(row.method, row.tasks, f"{1000 * row.step_s:.1f}", f"{row.ratio:.2f}")
    _save(results, values["out"])


def _gpu(values: dict) -> None:
    from mtl_tf.benchmarks.accelerator import device_name, measure_models

    results = measure_models(_names(values), values["batch_size"] or None, values["policy"])
    print(f"{device_name()}, {values['policy']}")
    _print_row("model", "front end, clips/s", "training, clips/s", "share of peak")
    _print_row(*["---"] * 4)
    for row in results:
        speeds = f"{row.frontend_clips_per_s:.0f}", f"{row.train_clips_per_s:.0f}"
        _print_row(row.model, *speeds, f"{100 * row.share_of_peak:.1f} %")
    _save(results, values["out"])


def _print_row(*cells) -> None:
    print("|", " | ".join(str(cell) for cell in cells), "|")


def _save(results: list, path: str) -> None:
    if path:
        write_whole(Path(path), (json.dumps([vars(row) for row in results], indent=2) + "\n").encode())
