"""MLflow runs, datasets and models. Fail-open: tracking never stops training."""
