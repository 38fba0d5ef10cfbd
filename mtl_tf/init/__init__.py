"""Looks at a folder or table of audio and writes what `train.py` needs to run on it."""
