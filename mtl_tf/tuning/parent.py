"""Ends a process with the one that started it."""

import os
import signal
import threading
import time

_PAUSE_S = 0.5


def end_with_parent() -> None:
    """Ends this process and those it started once its parent is gone, so that no trial is done twice.

    The process must lead a group of its own, as with `start_new_session`.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PAUSE_S)
        os.killpg(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
