import pytest

from mtl_tf.benchmarks.pipeline import compare_pipeline


@pytest.mark.filterwarnings("ignore:.*slated for removal:DeprecationWarning")  # of a library of librosa
def test_both_ways_do_the_same_work():
    result = compare_pipeline(num_clips=4, clip_s=0.5, file_rate=48000, num_parallel_calls=2)
    assert result["difference"] < 1e-3
    assert result["ours"] > 0 and result["librosa"] > 0
