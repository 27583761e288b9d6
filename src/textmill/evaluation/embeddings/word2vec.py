"""Skip-gram with negative sampling (Mikolov et al. 2013), by gensim, with the same result every time."""

from __future__ import annotations

import xxhash

from textmill.config.embeddings import Embeddings
from textmill.errors import UserError
from textmill.evaluation.embeddings.tokens import Tokens
from textmill.evaluation.embeddings.vectors import Vectors, unit_length


def word2vec(tokens: Tokens, settings: Embeddings, seed: int) -> Vectors:
    """Train on the sentences of `tokens`.

    One worker and a hash function of our own: with gensim's defaults the order of threads, and the hash seed
    that Python draws anew for each process, would change the vectors.

    Raises:
        UserError: gensim is not installed.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError:
        raise UserError(
            "embeddings.methods: word2vec needs gensim. Install the extra "
            "(pip install 'textmill[embeddings]'), or name glove, which needs nothing."
        ) from None
    model = Word2Vec(
        sentences=list(tokens.sentences()),
        vector_size=settings.dimensions,
        window=settings.window,
        epochs=settings.epochs,
        min_count=1,
        sg=1,
        negative=5,
        sample=1e-3,
        workers=1,
        seed=seed,
        hashfxn=_hash,
    )
    return unit_length(tokens.words, model.wv[tokens.words])


def _hash(word: str) -> int:
    return xxhash.xxh32_intdigest(word.encode())
