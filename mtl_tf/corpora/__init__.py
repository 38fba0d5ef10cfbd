"""Readers of corpora: a folder or table in, manifest rows with native labels out. They know nothing of tasks."""

import importlib
import pkgutil

from mtl_tf.config import CorpusConfig
from mtl_tf.corpora.annotated import Annotated
from mtl_tf.corpora.audformat_database import AudformatDatabase
from mtl_tf.corpora.corpus import Corpus
from mtl_tf.corpora.folders import Folders
from mtl_tf.corpora.table import Table
from mtl_tf.errors import UserError, nearest_hint

# Corpora without a reader of their own.
KINDS = {"folders": Folders, "table": Table, "audformat": AudformatDatabase, "annotated": Annotated}
_NOT_CORPORA = {
    "corpus",
    "download",
    "fixture",
    "own_corpus",
    "table_rows",
    "annotation_files",
    "audformat_database",
    "made_corpus",
    *KINDS,
}
_OF_OWN = ("annotations", "audio_dir", "citation", "columns", "levels", "licence", "patterns", "title")


def corpus_names() -> list[str]:
    """Returns the names of all published corpora; each is a module of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_CORPORA)


def get_corpus(name: str) -> Corpus:
    """Returns the reader of a published corpus.

    Raises:
        UserError: there is no such reader.
    """
    if name not in corpus_names():
        raise UserError(
            f"no corpus is called {name}.{nearest_hint(name, [*corpus_names(), *KINDS])} For a corpus of your own: "
            "python scripts/init.py FOLDER_OR_TABLE name=NAME"
        )
    return importlib.import_module(f"mtl_tf.corpora.{name}").CORPUS


def open_corpus(name: str, options: CorpusConfig) -> Corpus:
    """Returns the reader of a corpus of a run.

    Args:
        name: of the corpus in the run.
        options: what the run says of it.

    Raises:
        UserError: there is no such reader, or it does not take an option.
    """
    if options.name in KINDS:
        return KINDS[options.name](name, options)
    corpus = get_corpus(options.name)
    defaults = CorpusConfig(name=options.name)
    given = [key for key in _OF_OWN if getattr(options, key) != getattr(defaults, key)]
    if given:
        raise UserError(f"corpora.{name}.{given[0]}: {options.name} is a published corpus, which has its own layout")
    return corpus if options.path is None else corpus.at(options.path)
