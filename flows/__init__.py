"""Prefect: when and how the DAG runs."""
