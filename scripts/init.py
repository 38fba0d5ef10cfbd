#!/usr/bin/env python3
"""Makes an experiment of a folder of class folders, or of a table that lists audio files with their labels.

Usage: scripts/init.py FOLDER_OR_TABLE name=NAME [config_dir=DIR] [task=COLUMN ...] [levels=[COLUMN,...]]
           [columns.file=COLUMN] [columns.speaker=COLUMN] [audio_dir=DIR] [patterns.COLUMN=EXPRESSION] [force=true]

Opens every file, prints what is there, and writes DIR/corpus/NAME.yaml, DIR/task/*.yaml and DIR/experiment/NAME.yaml,
which scripts/train.py experiment=NAME config_dir=DIR runs. DIR is my_configs unless given. The last line is
experiment=NAME. Nothing is overwritten without force=true.

A table is CSV, TSV, Parquet or JSON lines, with a column file (or file_name, filename, path) and a column per label.
Columns start and end (in seconds), speaker, split and fold are known by these names, or named with columns.start=COLUMN
and the like. audio_dir is where the table's files are, if not beside it. levels names what folders within
folders stand for, from the outermost, as in levels=[speaker,label]. patterns.speaker='([0-9]+)_' makes a column of
what a regular expression finds in the paths of files below the folder; its first group is the value.
"""

from mtl_tf.command_line import run_command
from mtl_tf.progress import say


def main(arguments: list[str]) -> None:
    """Looks at a corpus and writes its files."""
    say("loading libraries, some seconds")

    from mtl_tf.init.begin import begin

    print(f"experiment={begin(arguments)}")


if __name__ == "__main__":
    run_command(main, __doc__)
