"""Fetches published archives with their hashes checked and unpacks them."""

import contextlib
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

from mtl_tf.corpora.corpus import Corpus
from mtl_tf.errors import UserError

COMPLETE = ".downloaded"


def download_corpus(corpus: Corpus, data_root: str | None) -> Path:
    """Fetches every archive of a corpus into `data_root/NAME` and unpacks it there.

    An archive that was unpacked before is not fetched again; one that was fetched before is checked, not fetched.

    Args:
        corpus: the reader.
        data_root: folder with one folder per corpus; None: the environment variable `MTL_TF_DATA`.

    Returns:
        The corpus folder.

    Raises:
        UserError: no data root, nothing to download, files of the user's own in the folder, no connection, or bytes
            that do not match the hash.
    """
    import pooch
    import requests

    if not corpus.downloads:
        raise UserError(f"corpus {corpus.name} has no public download; {corpus.where_to_get()}")
    data_root = data_root or os.environ.get("MTL_TF_DATA")
    if not data_root:
        raise UserError(f"corpus {corpus.name}: give data_root=DIR or set MTL_TF_DATA to say where to download to")
    root = Path(data_root).expanduser() / corpus.name
    archives = root / ".archives"
    if root.is_dir() and not archives.is_dir() and any(root.iterdir()):
        raise UserError(f"corpus {corpus.name}: {root} holds files of your own; leave download=true away, or move them")
    archives.mkdir(parents=True, exist_ok=True)
    for download in corpus.downloads:
        name = Path(urlsplit(download.url).path).name
        marker = archives / f"{name}{COMPLETE}"
        if marker.is_file():
            continue
        try:
            path = Path(pooch.retrieve(download.url, download.known_hash, fname=name, path=archives))
        except (OSError, ValueError) as error:
            for folder in (archives, root):
                with contextlib.suppress(OSError):  # it holds what was there before
                    folder.rmdir()
            reason = "no connection" if isinstance(error, requests.ConnectionError) else error
            raise UserError(f"corpus {corpus.name}: cannot fetch {download.url}: {reason}") from error
        _unpack(path, root / download.folder)
        marker.touch()
        path.unlink()
    return root


def _unpack(archive: Path, folder: Path) -> None:
    """Unpacks beside the target first, so that a broken archive leaves nothing half done."""
    temporary = archive.with_suffix(".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(temporary)
        else:
            with tarfile.open(archive) as opened:
                opened.extractall(temporary, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        archive.unlink()
        shutil.rmtree(temporary, ignore_errors=True)
        raise UserError(f"{archive.name} is not a readable archive ({error}); run the command again") from error
    shutil.copytree(temporary, folder, dirs_exist_ok=True)
    shutil.rmtree(temporary)
