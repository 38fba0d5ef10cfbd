"""Readers of published corpora: a folder in, manifest rows with native labels out. They know nothing of tasks."""

import importlib
import pkgutil

from mtl_tf.corpora.corpus import Corpus
from mtl_tf.errors import UserError, nearest_hint

_NOT_CORPORA = {"corpus", "download", "fixture"}


def corpus_names() -> list[str]:
    """Returns the names of all readers; each is a module of this package."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _NOT_CORPORA)


def get_corpus(name: str) -> Corpus:
    """Returns the reader of a corpus.

    Raises:
        UserError: there is no such reader.
    """
    if name not in corpus_names():
        raise UserError(
            f"no corpus is called {name}.{nearest_hint(name, corpus_names())} A corpus of your own takes a reader: "
            "docs/architecture.md, 'Add a corpus'"
        )
    return importlib.import_module(f"mtl_tf.corpora.{name}").CORPUS
