"""Objectives, the training loop, optimizers, checkpoints."""
