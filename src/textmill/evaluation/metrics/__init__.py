"""Metrics: each turns predictions into per-item statistics whose sums give the score of any resample."""
