"""Word vectors of a corpus: Word2Vec, and GloVe's objective by alternating least squares."""
