"""Lets Hydra look into a user's folder of configuration files before the shipped one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin


class OwnConfigs(SearchPathPlugin):
    """Hydra asks this class for folders each time it is initialised."""

    folders: tuple[Path, ...] = ()

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Puts the user's folders in front."""
        for folder in reversed(self.folders):
            search_path.prepend("config_dir", f"file://{folder}")


@contextmanager
def configs_of(dirs: tuple[Path, ...]) -> Iterator[None]:
    """Initialises Hydra.

    Args:
        dirs: the user's folders, then the shipped one, which holds the primary configuration.
    """
    Plugins.instance().register(OwnConfigs)
    OwnConfigs.folders = dirs[:-1]
    try:
        with initialize_config_dir(str(dirs[-1]), version_base="1.3"):
            yield
    finally:
        OwnConfigs.folders = ()
