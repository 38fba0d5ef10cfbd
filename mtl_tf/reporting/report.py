"""Writes report.html."""

from pathlib import Path


def write_report(folder):
    pass
