"""Training: batches as pure functions of the step, objectives, one loop, checkpoints, events."""
