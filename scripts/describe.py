#!/usr/bin/env python3
"""Plays and draws what the augmentations of an experiment do to its clips.

Usage: scripts/describe.py experiment=NAME [augment=[NAME,...]] [out=changed_clips.html] [key=value ...]

Writes a page with ten training clips, as they are and as each augmentation makes them, and prints its name.
"""

from pathlib import Path

from mtl_tf.command_line import run_command
from mtl_tf.compose import compose
from mtl_tf.config_help import help_text
from mtl_tf.corpora import open_corpus
from mtl_tf.progress import say


def main(arguments: list[str]) -> None:
    """Writes the page."""
    out = [argument.removeprefix("out=") for argument in arguments if argument.startswith("out=")]
    config = compose([argument for argument in arguments if not argument.startswith("out=")])
    for name, corpus in config.corpora.items():
        open_corpus(name, corpus).root(config.data_root, Path(config.prepared_dir))
    say(f"{config.experiment}: loading TensorFlow and the corpora, some ten seconds", config.quiet)

    from mtl_tf.reporting.changed_clips import write_changed_clips

    print(write_changed_clips(config, Path(out[-1] if out else "changed_clips.html")))


if __name__ == "__main__":
    run_command(main, __doc__, help_text)
