"""The run report and the model card."""
