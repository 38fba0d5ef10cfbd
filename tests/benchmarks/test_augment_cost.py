"""What changing clips adds to a step is measured for each way, beside a step without."""

from mtl_tf.benchmarks import augment


def test_each_way_is_timed_beside_none_and_together(monkeypatch):
    known = {"recorded_noise": augment.AUGMENTATIONS["recorded_noise"]}
    monkeypatch.setattr(augment, "AUGMENTATIONS", known)
    found = augment.measure_augmentations("mel_cnn", ["mix_features"], rounds=1, steps=1)
    assert [each.augment for each in found] == ["none", *known, "mix_features"]
    assert found[0].ratio == 1.0
    assert all(each.step_s > 0 and each.ratio == each.step_s / found[0].step_s for each in found)
