"""One file per claim: ours and, where there is one, the peer beside it, in one run."""
