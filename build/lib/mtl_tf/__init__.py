"""Multi-task learning on small labelled audio corpora, from audio folders to a served model."""

__version__ = "0.1.0"
