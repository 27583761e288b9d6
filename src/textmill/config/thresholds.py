"""params.yaml: the thresholds of select, family by family.

A key ``min_x`` or ``max_x`` of the family ``gopher`` bounds the signal ``gopher_x`` of the annotate stage;
null switches it off. The defaults are those of the papers.
"""

from pydantic import Field

from textmill.config.section import Section


class Bounds(Section):
    """Bounds of one signal; null is no bound."""

    min: float | None = Field(default=None, description="Smallest value that is kept.")
    max: float | None = Field(default=None, description="Largest value that is kept.")


class PiiCounts(Section):
    """Most items of personal data that a kept document holds, by type: the columns `pii_TYPE` of data/clean.

    0 drops every document in which clean found one, whether it was masked or only counted; null is no bound.
    """

    email: float | None = Field(default=None, description="Most e-mail addresses.")
    phone: float | None = Field(default=None, description="Most telephone numbers.")
    ip: float | None = Field(default=None, description="Most IP addresses.")
    credit_card: float | None = Field(default=None, description="Most payment card numbers.")
    resident_id: float | None = Field(default=None, description="Most Chinese resident identity numbers.")
    iban: float | None = Field(default=None, description="Most bank account numbers.")
    secret: float | None = Field(default=None, description="Most passwords, tokens and keys.")
    name: float | None = Field(default=None, description="Most names of persons (needs `clean.names`).")
    address: float | None = Field(default=None, description="Most places (needs `clean.names`).")


class Gopher(Section):
    """Quality rules of Gopher (Rae et al. 2021, appendix A1.1)."""

    min_words: float | None = Field(default=50, description="Fewest words.")
    max_words: float | None = Field(default=100000, description="Most words.")
    min_mean_word_length: float | None = Field(default=3, description="Shortest mean word, in characters.")
    max_mean_word_length: float | None = Field(default=10, description="Longest mean word, in characters.")
    max_symbol_ratio: float | None = Field(default=0.1, description="Most hash signs, or ellipses, per word.")
    max_bullet_lines: float | None = Field(
        default=0.9, description="Largest share of lines that start with a bullet point."
    )
    max_ellipsis_lines: float | None = Field(
        default=0.3, description="Largest share of lines that end with an ellipsis."
    )
    min_alpha_words: float | None = Field(default=0.8, description="Smallest share of words with a letter.")
    min_stop_words: float | None = Field(
        default=2, description="Fewest distinct stop words; languages without a list are not asked."
    )


class Repetition(Section):
    """Repetition rules of Gopher (Rae et al. 2021, table A1)."""

    max_dup_paragraph_fraction: float | None = Field(
        default=0.3, description="Largest share of paragraphs that repeat an earlier one."
    )
    max_dup_paragraph_characters: float | None = Field(
        default=0.2, description="Largest share of characters in repeated paragraphs."
    )
    max_dup_line_fraction: float | None = Field(
        default=0.3, description="Largest share of lines that repeat an earlier one."
    )
    max_dup_line_characters: float | None = Field(
        default=0.2, description="Largest share of characters in repeated lines."
    )
    max_top_2gram: float | None = Field(
        default=0.2, description="Largest share of characters in the most frequent 2-gram of words."
    )
    max_top_3gram: float | None = Field(
        default=0.18, description="Largest share of characters in the most frequent 3-gram of words."
    )
    max_top_4gram: float | None = Field(
        default=0.16, description="Largest share of characters in the most frequent 4-gram of words."
    )
    max_dup_5gram: float | None = Field(
        default=0.15, description="Largest share of characters in repeated 5-grams of words."
    )
    max_dup_6gram: float | None = Field(
        default=0.14, description="Largest share of characters in repeated 6-grams of words."
    )
    max_dup_7gram: float | None = Field(
        default=0.13, description="Largest share of characters in repeated 7-grams of words."
    )
    max_dup_8gram: float | None = Field(
        default=0.12, description="Largest share of characters in repeated 8-grams of words."
    )
    max_dup_9gram: float | None = Field(
        default=0.11, description="Largest share of characters in repeated 9-grams of words."
    )
    max_dup_10gram: float | None = Field(
        default=0.1, description="Largest share of characters in repeated 10-grams of words."
    )


class C4(Section):
    """Rules of C4 (Raffel et al. 2020, section 2.2). Those that C4 applies to lines are off."""

    min_sentences: float | None = Field(default=3, description="Fewest sentences.")
    max_curly_brackets: float | None = Field(default=0, description="Most opening curly brackets.")
    max_lorem_ipsum: float | None = Field(default=0, description="Most lines of filler text.")
    max_longest_word: float | None = Field(default=1000, description="Longest word, in characters.")
    min_terminal_lines: float | None = Field(
        default=None, description="Smallest share of lines that end in terminal punctuation."
    )
    max_short_lines: float | None = Field(
        default=None, description="Largest share of lines of fewer than five words."
    )
    max_javascript_lines: float | None = Field(
        default=None, description="Largest share of lines that mention JavaScript."
    )
    max_policy_lines: float | None = Field(
        default=None, description="Largest share of lines with the boilerplate of cookie and privacy notices."
    )
    max_kept_lorem_ipsum: float | None = Field(
        default=None, description="Most lines of filler text among those that C4's line rules keep."
    )
    max_kept_curly_brackets: float | None = Field(
        default=None, description="Most lines with { among those that C4's line rules keep."
    )
    min_kept_sentences: float | None = Field(
        default=None, description="Fewest sentences in the lines that C4's line rules keep."
    )
    min_kept_lines: float | None = Field(
        default=None, description="Smallest share of lines that C4's line rules keep."
    )


class FineWeb(Section):
    """Rules of FineWeb (Penedo et al. 2024, section 3.6)."""

    min_punctuated_lines: float | None = Field(
        default=0.12, description="Smallest share of lines that end in terminal punctuation."
    )
    max_short_lines: float | None = Field(
        default=0.67, description="Largest share of lines of at most 30 characters."
    )
    max_dup_line_characters: float | None = Field(
        default=0.1, description="Largest share of characters in repeated lines."
    )
    max_newlines_per_word: float | None = Field(default=0.3, description="Most newlines per word.")
