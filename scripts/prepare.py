#!/usr/bin/env python3
"""Lists and opens every clip of a corpus.

Usage: scripts/prepare.py corpus=NAME [data_root=DIR] [config_dir=DIR] [out=DIR] [download=true] [audit.KEY=VALUE ...]

Writes prepared/NAME/manifest.parquet and prepared/NAME/audit.csv (out=DIR: there instead; prepared_dir=DIR: below it).
download=true fetches a corpus into data_root/NAME first, where that is allowed. Exit code 0, whatever the audit lists.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.config_help import audit_help_text
from mtl_tf.values import read_arguments


def main(arguments: list[str]) -> None:
    """Prepares one corpus."""
    from mtl_tf.compose import read_section
    from mtl_tf.config import AuditConfig
    from mtl_tf.config_files import choices, config_dirs, corpus_options
    from mtl_tf.corpora import open_corpus
    from mtl_tf.corpora.download import download_corpus
    from mtl_tf.data.prepare import prepare_corpus
    from mtl_tf.errors import UserError
    from mtl_tf.reporting.tables import print_audit

    keys = ("corpus", "config_dir", "data_root", "prepared_dir", "out", "download")
    values, _ = read_arguments(arguments, [*keys, *(f"audit.{key}" for key in AuditConfig.model_fields)])
    if "corpus" not in values:
        raise UserError(f"give corpus=NAME, one of {', '.join(choices('corpus', config_dirs(arguments)))}")
    corpus = open_corpus(values["corpus"], corpus_options(values["corpus"], arguments))
    if values.get("download", "false") not in ("true", "false"):
        raise UserError("download is true or false")
    if values.get("download") == "true":
        download_corpus(corpus, values.get("data_root"))
    prepared = Path(values.get("prepared_dir", "prepared"))
    out = Path(values["out"]) if "out" in values else prepared / corpus.name
    audit = read_section(AuditConfig, "audit", values)
    manifest, _ = prepare_corpus(corpus, values.get("data_root"), prepared, audit, out)
    print_audit(corpus, manifest, out)


if __name__ == "__main__":
    run_command(main, __doc__, audit_help_text)
