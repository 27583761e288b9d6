"""Metrics, significance, probes."""
