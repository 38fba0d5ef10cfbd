"""Every trunk on a front end, small enough to build and run in a second."""

from mtl_tf.frontends.build import build_frontend
from mtl_tf.models.build import build_model, build_trunk
from mtl_tf.tasks.task import Task

TASKS = {
    "emotion": Task("emotion", tuple("abcdefg")),
    "speaker": Task("speaker", tuple("wxyz"), closed_set=True),
}
LOG_MEL = {"name": "log_mel", "sample_rate": 8000, "n_fft": 256, "hop_length": 80, "num_mel_bins": 16}
SUMMARY = LOG_MEL | {"name": "filter_bank_summary", "window_s": 0.25}
PICTURE = {"name": "picture", "sample_rate": 8000, "n_fft": 256, "hop_length": 80}
FRONT_ENDS = {
    "fu2020": LOG_MEL | {"hop_length": 400},  # recurrent layers take long for many frames
    "crnn": LOG_MEL | {"hop_length": 200},
    "gresnet": LOG_MEL | {"num_frames": 40},
    "cab_cnn": {"name": "envelope", "sample_rate": 8000},
    "shared_dnn": SUMMARY,
    "voice_cnn": LOG_MEL | {"name": "mel_and_voice"},
    "svm": SUMMARY,
    "alexnet": PICTURE | {"size": 96},
    "vgg11": PICTURE | {"size": 32},
    "resnet18": PICTURE | {"size": 64},
    "attention_cnn": PICTURE | {"size": 32, "color_map": None},
}
SMALL = {
    "fu2020": {"filters": [8, 8, 16], "bottleneck_units": 8, "lstm_units": 16, "num_heads": 4, "use_mask": True},
    "compact_cnn": {"filters": [4, 8], "embedding_units": 8, "time_segments": 3},
    "residual_cnn": {"stem_filters": 4, "filters": [4, 8], "embedding_units": 8, "time_segments": 3},
    "voice_cnn": {"summary_units": 8, "stem_filters": 4, "filters": [4, 8], "embedding_units": 8},
    "branched_cnn": {"filters": [4, 8], "private_blocks": 1, "adapter_filters": 2, "embedding_units": 8},
    "gresnet": {"filters": [4, 8], "stem_filters": 4, "pool_size": None, "fc_units": 8},
    "cab_cnn": {"filters": [4, 4, 4, 8], "num_classifiers": 5},
    "shared_dnn": {"units": [8, 8]},
    "mel_cnn": {"filters": [4, 8], "kernel_size": 3},
    "crnn": {"filters": [4, 8], "bin_pools": [4, 2], "time_pools": [2, 2], "recurrent_units": 6},
    "alexnet": {"units": 8},
    "vgg11": {"filters": [[2], [2], [4, 4], [4, 4]], "units": 8},
    "resnet18": {"filters": [2, 4]},
    "attention_cnn": {"filters": [4, 8]},
    "svm": {"num_vectors": 5},
}


def small_model(name, **options):
    frontend = dict(FRONT_ENDS.get(name, LOG_MEL))
    return build_model(build_frontend(frontend.pop("name"), frontend), build_trunk(name, SMALL[name] | options), TASKS)
