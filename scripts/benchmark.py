#!/usr/bin/env python3
"""Measures speed, as ratios within one run.

Usage: scripts/benchmark.py pipeline [num_clips=512] [clip_s=3.0] [file_rate=48000] [num_parallel_calls=2]

pipeline: clips per second of decoding, resampling to 16 kHz and log mel, beside a librosa loop doing the same.
"""

from mtl_tf.command_line import read_arguments, run_command
from mtl_tf.errors import UserError

DEFAULTS = {"num_clips": 512, "clip_s": 3.0, "file_rate": 48000, "num_parallel_calls": 2}


def main(arguments: list[str]) -> None:
    """Runs one benchmark."""
    if arguments[:1] != ["pipeline"]:
        raise UserError("say what to measure: scripts/benchmark.py pipeline")
    given, _ = read_arguments(arguments[1:], list(DEFAULTS))
    try:
        values = {key: type(default)(given.get(key, default)) for key, default in DEFAULTS.items()}
    except ValueError as error:
        raise UserError(f"not a number: {error}") from error
    if min(values.values()) <= 0:
        raise UserError("all values must be above 0")

    from mtl_tf.evaluation.throughput import compare_pipeline

    result = compare_pipeline(**values)
    print(f"ours:    {result['ours']:8.1f} clips/s")
    print(f"librosa: {result['librosa']:8.1f} clips/s")
    print(f"ratio:   {result['ratio']:8.2f}   (features differ by {result['difference']:.1e} of their largest value)")


if __name__ == "__main__":
    run_command(main, __doc__)
