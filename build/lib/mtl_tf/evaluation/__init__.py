"""Predictions and scores of trained models."""
