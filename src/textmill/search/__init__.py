"""Hyper-parameter search with Optuna: what is tried, the trials, the winner as a diff of params.yaml."""
