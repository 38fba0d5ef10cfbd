"""Corpora whose audio is made on first use; nothing to download."""

import fcntl
import json
import os
import shutil
from abc import abstractmethod
from pathlib import Path

from mtl_tf.corpora.corpus import Corpus

RECIPE = "recipe.json"


class MadeCorpus(Corpus):
    """A corpus that writes its own audio, the same bytes each time.

    A subclass says what its audio depends on, how many WAV files there are, and writes them.
    """

    @abstractmethod
    def recipe(self) -> dict[str, object]:
        """Returns what the audio depends on, as JSON has it; audio of another recipe is made again."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Writes all files into a folder that is there and empty."""

    def root(self, data_root: str | None, prepared_dir: Path) -> Path:
        """Makes the audio below `prepared_dir` if it is not complete and current there; the data root plays no part."""
        folder = prepared_dir / self.name / "audio"
        if not self._is_whole(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with folder.with_name("audio.lock").open("w") as lock:
                # Of two runs that start at once, one must not replace what the other reads.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self._is_whole(folder):
                    self.make(folder)
        return folder

    def make(self, folder: Path) -> None:
        """Writes all clips; the folder appears only once it is complete.

        Args:
            folder: where to; replaced if there.

        Raises:
            UserError: see `write`.
        """
        temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        self.write(temporary)
        (temporary / RECIPE).write_text(json.dumps(self.recipe()), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.replace(folder)

    def _is_whole(self, folder: Path) -> bool:
        try:
            recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return recipe == self.recipe() and sum(1 for _ in folder.glob("**/*.wav")) == self.num_published
