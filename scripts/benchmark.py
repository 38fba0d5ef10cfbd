#!/usr/bin/env python3
"""Measures speed, as ratios within one run.

Usage: scripts/benchmark.py pipeline [num_clips=512] [clip_s=3.0] [file_rate=48000] [num_parallel_calls=2]
       scripts/benchmark.py step [models=gresnet,...,alexnet,...] [rounds=9] [out=FILE.json]
       scripts/benchmark.py serve model=saved_models/NAME/VERSION [clients=8] [duration_s=600] [clip_s=3.0] [out=...]
           [batching=true] [server=HOST:PORT [server_pid=N]]
       scripts/benchmark.py tasks [models=gresnet,...,alexnet,...] [rounds=9] [out=FILE.json]
       scripts/benchmark.py tune [experiment=fsdd] [trials=6] [epochs=3] [data_root=DIR] [out=FILE.json]
       scripts/benchmark.py study [experiment=fsdd_and_esc10] [tasks=[...]] [seeds=3] [epochs=3] [singles=4] [out=...]
       scripts/benchmark.py augment [model=residual_cnn] [augment=[warp,...]] [rounds=9] [out=FILE.json]
       scripts/benchmark.py balancing [num_tasks=3] [rounds=9] [out=FILE.json]
       scripts/benchmark.py gpu [models=...] [batch_size=0] [policy=float32] [out=FILE.json]

pipeline: clips per second of decoding, resampling to 16 kHz and log mel, beside a librosa loop doing the same.
step: seconds of a training step and of an inference of every model, beside the same model in PyTorch (extra bench),
    in turn, medians; and the share of the machine's matrix-product speed that ours reach.
serve: clients asking an exported model in TensorFlow's C loader, and in ONNX Runtime where it was exported with
    formats=onnx: time per request, clips per second, errors, memory. batching: also with requests put together, as the
    model's batching.config says; server: by gRPC in place of the C loader; server_pid: of its process, whose memory is
    to be watched.
tasks: one request for four tasks beside one for a single task and beside four models of one task.
tune: a search with two workers beside the same search with one (extra tune).
study: a study beside its cells one by one through train.py, of which so many are timed.
augment: a training step with each augmentation, and with those of augment= together, beside one without.
balancing: a training step with each method beside one that adds the losses.
gpu: front end and training step on Keras's JAX backend, on the device that JAX finds, TensorFlow not needed;
    batch_size=0 takes the paper's, policy is float32 or mixed_bfloat16.
"""

from mtl_tf.benchmarks.command import run_benchmark
from mtl_tf.command_line import run_command

if __name__ == "__main__":
    run_command(run_benchmark, __doc__)
