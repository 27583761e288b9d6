"""Registered models behind HTTP."""
