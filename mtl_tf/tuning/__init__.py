"""Tuning sessions: a search space in YAML, keras-tuner's oracles, one ordinary run for each execution of a trial."""
