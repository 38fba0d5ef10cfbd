"""What the cells of a study cost, beside the same runs one by one."""

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mtl_tf import compose
from mtl_tf.errors import UserError
from mtl_tf.study import names as files

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class StudyTime:
    """Wall time of a study and of its cells one by one.

    Attributes:
        cells: how many.
        study_s: of the whole study, its start and report included.
        beyond_s: median over the cells of what one takes beyond its training steps.
        single_s: mean time of the runs that were carried out one by one.
        ratio: study over all cells one by one.
    """

    cells: int
    study_s: float
    beyond_s: float
    single_s: float
    ratio: float


def measure_study(experiment: str, tasks: str, seeds: int, epochs: int, singles: int, data_root: str) -> StudyTime:
    """Carries out a study, and some of its cells by `scripts/train.py`, on audio that has been decoded before.

    Args:
        experiment: of the study.
        tasks: as in `task=[...]`; empty: those of the experiment.
        seeds: of the study.
        epochs: of each cell. Cells with shuffled labels and with another seed are left out: they cost what others cost.
        singles: how many cells are carried out one by one, spread over the plan.
        data_root: folder with one folder per corpus; empty: MTL_TF_DATA.

    Raises:
        UserError: the experiment or its audio cannot be found, or no cell was completed.
    """
    keys = [f"experiment={experiment}", f"training.epochs={epochs}"]
    keys += [f"task={tasks}"] if tasks else []
    keys += [f"data_root={data_root}"] if data_root else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = [f"study_dir={folder}/studies", f"prepared_dir={folder}/prepared"]
        _script("compare", [*keys, *places, "seeds=1", "sets=[alone]", "controls=[]", "training.epochs=1"])
        start = time.perf_counter()
        study = Path(_script("compare", [*keys, *places, f"seeds={seeds}", "controls=[]"]))
        study_s = time.perf_counter() - start
        cells = pd.read_parquet(study / files.CELLS)
        step = max(len(cells) // singles, 1)
        times = []
        for name in cells["cell"][::step][:singles]:
            config = compose.load(study / files.CELLS_DIR / name / files.CELL)
            own = [f"only_tasks=[{','.join(config.only_tasks)}]", f"seed={config.seed}", f"runs_dir={folder}/runs"]
            own += [] if config.fold is None else [f"fold={config.fold}"]
            start = time.perf_counter()
            _script("train", [*keys, *places[1:], *own])
            times.append(time.perf_counter() - start)
    single_s = statistics.mean(times)
    beyond_s = float((cells["seconds"] - cells["train_seconds"]).median())
    return StudyTime(len(cells), study_s, beyond_s, single_s, study_s / (len(cells) * single_s))


def _script(name: str, arguments: list[str]) -> str:
    """Runs a script and returns its last line."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *arguments], stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise UserError(f"{name}.py {' '.join(arguments)} failed; its last lines are above")
    return done.stdout.splitlines()[-1]
