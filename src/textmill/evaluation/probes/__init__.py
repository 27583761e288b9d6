"""Probes of one model for learned stereotypes and remembered text: a file each, with its definition."""
