"""How much sooner a search ends with two workers than with one."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mtl_tf.errors import UserError

_SEARCH = "import sys; from mtl_tf.tuning.carry_out import answer; print(answer(sys.argv[1:]))"


@dataclass(frozen=True)
class SearchTime:
    """Wall time of one search of random trials, its start and report included.

    Attributes:
        trials: how many.
        one_s: with one worker.
        two_s: with two.
        ratio: two / one.
        same: whether both found the same scores.
    """

    trials: int
    one_s: float
    two_s: float
    ratio: float
    same: bool


def measure_search(experiment: str, trials: int, epochs: int, data_root: str) -> SearchTime:
    """Searches twice for the same trials, on audio that has been decoded before.

    Args:
        experiment: that the search begins with.
        trials: how many.
        epochs: of each trial.
        data_root: folder with one folder per corpus; empty: MTL_TF_DATA.

    Raises:
        UserError: the experiment or its audio cannot be found, or no trial was completed.
    """
    keys = [f"experiment={experiment}", f"training.epochs={epochs}", "tuner=random"]
    keys += ["search.training.learning_rate={float: [0.0005, 0.005], log: true}"]
    keys += [f"data_root={data_root}"] if data_root else []
    with tempfile.TemporaryDirectory() as folder:
        _search(folder, "warm", [*keys, "trials=1", "workers=1"])
        one_s, one = _search(folder, "one", [*keys, f"trials={trials}", "workers=1"])
        two_s, two = _search(folder, "two", [*keys, f"trials={trials}", "workers=2"])
    return SearchTime(trials, one_s, two_s, two_s / one_s, one == two)


def _search(folder: str, name: str, arguments: list[str]) -> tuple[float, dict[str, str]]:
    """Carries out a search and returns its seconds, and the score of each trial."""
    from mtl_tf.tables import read_table

    start = time.perf_counter()
    places = [f"tuning_dir={folder}/{name}", f"prepared_dir={folder}/prepared"]
    done = subprocess.run([sys.executable, "-c", _SEARCH, *arguments, *places], stdout=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"the search with {' '.join(arguments)} failed; its last lines are above")
    table = read_table(Path(done.stdout.splitlines()[-1]) / "trials.csv")
    return seconds, dict(zip(table["trial"], table["score"], strict=True))
