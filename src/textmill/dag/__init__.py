"""The DAG that dvc.yaml declares: what is stale and why, and how a stage is executed."""
