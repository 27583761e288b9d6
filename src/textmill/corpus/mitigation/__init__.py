"""Weights and swapped copies that change how often groups are named, and beside what."""
