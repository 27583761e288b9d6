"""Lineage manifest, gates and promotion of registered models."""
