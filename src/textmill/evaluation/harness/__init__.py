"""Tasks of lm-evaluation-harness (Gao et al. 2021, doi:10.5281/zenodo.5371628) on our models."""
