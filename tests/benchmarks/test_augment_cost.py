"""What changing clips adds to a step is measured for each way, beside a step without."""

from mtl_tf.benchmarks import augment


def test_each_way_is_timed_beside_none_and_together(monkeypatch):
    known = {name: augment.AUGMENTATIONS[name] for name in ("recorded_noise", "mix_features")}
    monkeypatch.setattr(augment, "AUGMENTATIONS", known)
    found = augment.measure_augmentations("mel_cnn", ["recorded_noise", "mix_features"], rounds=2, steps=1)
    assert [each.augment for each in found] == ["none", *known, "recorded_noise + mix_features"]
    assert found[0].ratio == 1.0
    assert all(each.step_s > 0 and each.ratio == each.step_s / found[0].step_s for each in found)
