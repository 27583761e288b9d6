"""The special tokens and their ids, the same for every model."""

PAD, BOS, EOS, UNK, MASK, SEP = range(6)
FIRST_EXTRA = 6
EXTRAS = 32

SPECIAL_TOKENS = (
    *("<pad>", "<bos>", "<eos>", "<unk>", "<mask>", "<sep>"),
    *(f"<extra_{index}>" for index in range(EXTRAS)),
)
"""In order of id. `<extra_i>` mark the spans that a denoising encoder-decoder has to fill in."""
