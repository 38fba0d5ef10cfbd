"""Hands out the trials of a search to several processes: keras-tuner's chief."""

import os
import socket
import threading
import time
from pathlib import Path

from keras_tuner.src.distribute import oracle_chief

from mtl_tf.errors import UserError
from mtl_tf.tuning import names as files
from mtl_tf.tuning.local import Search
from mtl_tf.tuning.trial import load_result
from mtl_tf.tuning.worker import ADDRESS, CHIEF, ID, PORT
from mtl_tf.tuning.workers import Workers

_PAUSE_S = 0.5
_RESTARTS = 3  # of workers that die, with no trial that ends in between


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


def hand_out(search: Search, workers: Workers) -> None:
    """Carries out a search with workers on this machine.

    A worker that dies loses its trial alone, which the next one that is free begins anew from its last epoch.

    Args:
        search: of this process, which becomes the chief.
        workers: that wait.

    Raises:
        UserError: workers die again and again without having ended a trial.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ |= {ID: CHIEF, ADDRESS: "127.0.0.1", PORT: str(port)}
    _start(search)
    watch, restarts = _Watch(search), 0
    workers.begin(search.session.folder, port)
    while workers.at_work:
        time.sleep(_PAUSE_S)
        restarts = 0 if watch.look() else restarts
        for name, code in workers.died():
            restarts += 1
            trial = search.oracle.give_back(name)
            again = f"; trial {int(trial)} is carried on by another" if trial else ""
            search.tell(f"{name} ended with code {code}{again}")
            if restarts > _RESTARTS:
                raise UserError(f"workers die again and again: {workers.last_words(name)}")
            workers.restart(name)
    watch.look()


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
