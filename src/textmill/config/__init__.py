"""Typed models of params.yaml: one file per section, so that a stage depends only on its own."""
