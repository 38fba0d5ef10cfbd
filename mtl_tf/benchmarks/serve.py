"""Load on an exported model: how long requests take, beside ONNX Runtime, and whether memory grows."""

import importlib.util
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtl_tf.benchmarks.batching import load_batched
from mtl_tf.benchmarks.c_loader import CLoader, CLoaderError, signature_tensors
from mtl_tf.errors import UserError

BATCH_SIZES = (1, 8, 32)
WARM_UP_SHARE = 0.2
INTRA_OP_THREADS = 1  # as scripts/serve.sh has TF Serving do: clients share the cores, and not each operation
SERVER_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Load:
    """What clients saw.

    Attributes:
        runtime: `tensorflow` (the C loader), `batched` (there, requests put together), `server` or `onnxruntime`.
        clients: how many asked at once.
        batch_size: clips in a request.
        requests: answered.
        errors: not answered.
        p50_ms: median time of a request.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        clips_per_s: of all clients together.
        memory_growth: of the process that answers, after the warm-up, relative; None: it is not known.
    """

    runtime: str
    clients: int
    batch_size: int
    requests: int
    errors: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    clips_per_s: float
    memory_growth: float | None


def load_version(
    version: Path,
    clients: int,
    duration_s: float,
    clip_s: float,
    server: str = "",
    server_pid: int = 0,
    batching: bool = False,
) -> list[Load]:
    """Loads a version folder in TensorFlow's C loader and its ONNX file, if it has one, and asks both.

    Every batch size and runtime is measured for an equal share of the time, the runtimes in turn.

    Args:
        version: of an exported model.
        clients: how many ask at once.
        duration_s: of everything together.
        clip_s: length of a clip, in seconds.
        server: HOST:PORT of the gRPC of a server of this model, asked in place of the C loader.
        server_pid: number of its process, if it runs on this machine and its memory is to be watched.
        batching: ask it also with requests of one clip put together, see `load_batched`.

    Raises:
        UserError: the folder holds no model, ONNX Runtime is missing, or the time was too short for one answer.
    """
    if not (version / "saved_model.pb").is_file():
        raise UserError(
            f"{version} holds no SavedModel; give model=FOLDER, the version folder scripts/export.py printed"
        )
    sample_rate = json.loads((version / "assets.extra" / "model.json").read_text())["sample_rate"]
    if server_pid and not Path(f"/proc/{server_pid}/statm").is_file():
        raise UserError(f"server_pid={server_pid}: there is no such process on this machine")
    runtimes = {"server": _server(server, version)} if server else {"tensorflow": load_as_served(version)}
    if batching:
        runtimes["batched"] = load_batched(version, INTRA_OP_THREADS)
    if (version / "assets.extra" / "model.onnx").is_file():
        if importlib.util.find_spec("onnxruntime") is None:
            raise UserError("model.onnx needs ONNX Runtime: pip install -c constraints.txt -e '.[onnx]'")
        import onnxruntime

        session = onnxruntime.InferenceSession(str(version / "assets.extra" / "model.onnx"))
        runtimes["onnxruntime"] = lambda clips: session.run(
            None, {"waveform": clips, "length": np.full(len(clips), clips.shape[1], np.int32)}
        )
    rng, results = np.random.default_rng(0), []
    rows = [(size, name) for size in BATCH_SIZES for name in runtimes if size == 1 or name != "batched"]
    for size, name in rows:
        clips = (0.1 * rng.standard_normal((size, round(clip_s * sample_rate)))).astype(np.float32)
        runtimes[name](clips)  # the first call of a size prepares it
        process = os.getpid() if name != "server" else server_pid or None
        results.append(_load(name, runtimes[name], clips, clients, duration_s / len(rows), process))
    return results


def load_as_served(version: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Loads a version folder in the C loader, with the settings of scripts/serve.sh.

    Returns:
        A function from waveforms (batch, samples) to the answers of `serving_default`.
    """
    os.environ.setdefault("TF_ONEDNN_ASSUME_FROZEN_WEIGHTS", "1")
    model = CLoader(version, signature_tensors(version), INTRA_OP_THREADS)
    return lambda clips: model.run("serving_default", waveform=clips)


def _server(address: str, version: Path) -> Callable[[np.ndarray], object]:
    from mtl_tf.serving.client import Client

    client = Client(address, version.parent.name, timeout_s=SERVER_TIMEOUT_S)
    found = client.details
    if found["version"] != int(version.name):
        raise UserError(f"{address} serves version {found['version']} of {version.parent.name}, not {version.name}")
    return client.predict_batch


def _load(name: str, ask, clips: np.ndarray, clients: int, duration_s: float, process: int | None) -> Load:
    times, errors = [], []
    begin = time.perf_counter()
    counted_from, end = begin + WARM_UP_SHARE * duration_s, begin + duration_s

    def client() -> None:
        while (start := time.perf_counter()) < end:
            try:
                ask(clips)
            except (CLoaderError, UserError) as error:
                errors.append(error)
                continue
            if start >= counted_from:
                times.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(max(0.0, counted_from - time.perf_counter()))
    before = _resident_bytes(process)
    for thread in threads:
        thread.join()
    if not times:
        raise UserError(f"{name} answered no batch of {len(clips)} in {duration_s:.0f} s; give a larger duration_s")
    elapsed = time.perf_counter() - counted_from
    growth = _resident_bytes(process) / before - 1.0 if before else None
    p50, p95, p99 = 1000.0 * np.percentile(times, (50, 95, 99))
    rate = len(times) * len(clips) / elapsed
    return Load(name, clients, len(clips), len(times), len(errors), p50, p95, p99, rate, growth)


def _resident_bytes(process: int | None) -> int | None:
    if process is None:
        return None
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
