"""A search by several processes: keras-tuner's chief hands out trials, its workers carry them out."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
from keras_tuner.src.distribute import oracle_chief

from mtl_tf.errors import UserError
from mtl_tf.tuning import names as files
from mtl_tf.tuning.local import Search
from mtl_tf.tuning.oracles import make_oracle
from mtl_tf.tuning.parent import end_with_parent
from mtl_tf.tuning.session import load_session
from mtl_tf.tuning.space import hyperparameters
from mtl_tf.tuning.trial import load_result
from mtl_tf.tuning.tuner import RunTuner

ID, ADDRESS, PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
CHIEF = "chief"
_PAUSE_S = 0.5
_RESTARTS = 3  # of a worker that dies without having ended a trial


def is_chief() -> bool:
    """Says whether the environment makes this process keras-tuner's chief of workers elsewhere.

    Raises:
        UserError: the environment names a worker; or an address without the rest.
    """
    missing = [name for name in (ID, ADDRESS, PORT) if name not in os.environ]
    if len(missing) == 3:
        return False
    if missing:
        raise UserError(
            f"the environment lacks {' and '.join(missing)}; keras-tuner's chief and workers need all three"
        )
    if CHIEF not in os.environ[ID]:
        raise UserError(f"{ID}={os.environ[ID]} is a worker's; a worker is started with scripts/tune.py worker=DIR")
    return True


def serve(search: Search) -> None:
    """Hands trials to workers on other machines until the search ends."""
    address, port, folder = os.environ[ADDRESS], os.environ[PORT], search.session.folder
    search.tell(
        f"chief at {address}:{port}; on other machines: {ID}=worker1 {ADDRESS}={address} {PORT}={port} "
        f"python scripts/tune.py worker={folder}"
    )
    server = _start(search)
    watch = _Watch(search)
    while server.is_alive():
        watch.look()
        time.sleep(_PAUSE_S)
    watch.look()


def run_workers(search: Search, count: int) -> None:
    """Carries out a search with several workers on this machine.

    A worker that dies loses its trial alone, which the next one that is free begins anew from its last epoch.

    Args:
        search: of this process, which becomes the chief.
        count: of workers; each has its share of the cores.

    Raises:
        UserError: workers die again and again without having ended a trial.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {ID: CHIEF, ADDRESS: "127.0.0.1", PORT: str(port)}
    _start(search)
    watch, restarts = _Watch(search), 0
    workers = {number: _spawn(search, number, count) for number in range(count)}
    try:
        while workers:
            time.sleep(_PAUSE_S)
            restarts = 0 if watch.look() else restarts
            for number, process in list(workers.items()):
                code = process.poll()
                if code is None:
                    continue
                del workers[number]
                if code == 0:
                    continue
                restarts += 1
                trial = search.oracle.give_back(_name(number))
                again = f"; trial {int(trial)} is carried on by another" if trial else ""
                search.tell(f"{_name(number)} ended with code {code}{again}")
                if restarts > _RESTARTS:
                    log = search.session.folder / files.WORKERS / f"{_name(number)}.txt"
                    lines = log.read_text(errors="replace").strip().splitlines()
                    raise UserError(f"workers die again and again: {lines[-1] if lines else log}")
                workers[number] = _spawn(search, number, count)
    finally:
        for process in workers.values():
            process.kill()
            process.wait()
    watch.look()


def work(folder: Path) -> None:
    """Carries out the trials that the chief gives, until it has no more.

    Args:
        folder: of the session, which chief and workers share.

    Raises:
        UserError: the chief cannot be reached.
    """
    missing = [name for name in (ID, ADDRESS, PORT) if name not in os.environ]
    if missing or CHIEF in os.environ[ID]:
        raise UserError(f"a worker needs {ID} (without the word {CHIEF}), {ADDRESS} and {PORT} in its environment")
    session = load_session(folder)
    oracle = make_oracle(session.search, hyperparameters(session.dimensions), session.config.training.epochs)
    try:
        RunTuner(oracle, session, lambda trial, values: None, lambda result: None).search()
    except grpc.RpcError as error:
        raise UserError(
            f"the chief at {os.environ[ADDRESS]}:{os.environ[PORT]} does not answer ({error.code().name}); start it "
            f"again, and this worker with the same {ID}"
        ) from error


class _Watch:
    """Tells what the workers did since the last look."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.begun = set(search.oracle.trials)
        self.ended = {path.stem for path in self._results()}

    def look(self) -> bool:
        """Tells of trials that began and ended.

        Returns:
            Whether one ended.
        """
        for name, trial in list(self.search.oracle.trials.items()):
            if name not in self.begun:
                self.begun.add(name)
                self.search.begun(name, trial.hyperparameters.values)
        new = [path for path in self._results() if path.stem not in self.ended]
        for path in new:
            self.ended.add(path.stem)
            self.search.ended(load_result(path))
        return bool(new)

    def _results(self) -> list[Path]:
        return sorted((self.search.session.folder / files.RESULTS).glob("*.json"))


def _start(search: Search) -> threading.Thread:
    search.oracle.save()
    server = threading.Thread(target=oracle_chief.start_server, args=(search.oracle,), daemon=True)
    server.start()
    return server


def _spawn(search: Search, number: int, count: int) -> subprocess.Popen:
    """Starts a worker on its share of the cores.

    TensorFlow divides its work among as many threads as in a run that has the machine for itself, since sums of other
    parts round otherwise, and the winner could not be repeated.
    """
    folder, cores = search.session.folder, sorted(os.sched_getaffinity(0))
    (folder / files.WORKERS).mkdir(exist_ok=True)
    threads = dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), str(len(cores)))
    with (folder / files.WORKERS / f"{_name(number)}.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mtl_tf.tuning.workers", str(folder)],
            env={**os.environ, **threads, ID: _name(number)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    share = max(1, len(cores) // count)
    os.sched_setaffinity(process.pid, {cores[(number * share + place) % len(cores)] for place in range(share)})
    return process


def _name(number: int) -> str:
    return f"worker{number}"


if __name__ == "__main__":
    end_with_parent()
    try:
        work(Path(sys.argv[1]))
    except (UserError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
