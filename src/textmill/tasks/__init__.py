"""One file per task: where its rows come from and how they are read."""
