"""Architectures and baselines."""
