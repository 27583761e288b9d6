"""Fine-tuning: what rows mean to a model (one file per objective), and the run from rows to a saved model."""
