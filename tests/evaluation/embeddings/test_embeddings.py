"""Word vectors: what they are trained on, GloVe's minimum, and the same bytes whatever the hash seed."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, sparse

from textmill.config.embeddings import Embeddings
from textmill.corpus.shards import DOCUMENT, write_table
from textmill.errors import UserError
from textmill.evaluation.embeddings import glove as glove_module
from textmill.evaluation.embeddings.glove import cooccurrence, fit, glove, objective
from textmill.evaluation.embeddings.segmentation import splitter
from textmill.evaluation.embeddings.tokens import chosen_documents, sample
from textmill.evaluation.embeddings.word2vec import word2vec


def tokens_of(*texts, language="en", min_count=1, max_words=1000, words=()):
    split = splitter(language, "characters", list(words))
    return sample([(None, pa.array(texts, pa.large_string()))], split, min_count, max_words)


def test_english_sentences_are_lower_case_words():
    split = splitter("en", "jieba", [])
    assert split("She's here. HE left!\nv1.5 is out, well-known") == [
        ["she", "s", "here"],
        ["he", "left"],
        ["v", "is", "out", "well", "known"],
    ]


def test_chinese_words_of_the_tests_stay_whole_under_both_segmenters():
    text = "她喜欢开放源码。残疾人的工作很辛苦！ok"
    for segment in ("jieba", "characters"):
        sentences = splitter("zh", segment, ["残疾人", "工作", "喜欢"])(text)
        assert len(sentences) == 3 and sentences[2] == ["ok"]
        assert "喜欢" in sentences[0] and {"残疾人", "工作"} <= set(sentences[1])
    assert splitter("zh", "characters", ["喜欢"])("她喜欢开") == [["她", "喜欢", "开"]]


def test_rare_words_are_left_out_and_sentences_keep_their_documents():
    tokens = tokens_of("the cat sat. the dog", "", "the cat\nrare the cat", min_count=2)
    assert tokens.words == ["the", "cat"] and tokens.counts.tolist() == [4, 3]
    assert list(tokens.sentences()) == [["the", "cat"], ["the"], ["the", "cat"], ["the", "cat"]]
    assert tokens.document.tolist() == [0, 0, 2, 2] and tokens.documents == 3
    twice = tokens.repeated(np.array([2, 1, 0]))
    assert list(twice.sentences()) == [["the", "cat"], ["the", "cat"], ["the"], ["the"]]
    assert twice.counts.tolist() == [4, 2] and twice.words == tokens.words


@given(st.lists(st.text(alphabet="ab c.", max_size=30), max_size=8), st.integers(1, 5))
def test_cooccurrence_equals_a_plain_count(texts, window):
    tokens = tokens_of(*texts)
    expected = np.zeros((len(tokens.words),) * 2)
    for sentence in tokens.sentences():
        numbers = [tokens.words.index(word) for word in sentence]
        for i, one in enumerate(numbers):
            for j, other in enumerate(numbers):
                if i != j and abs(i - j) <= window:
                    expected[one, other] += 1 / abs(i - j)
    assert cooccurrence(tokens, window).toarray() == pytest.approx(expected)


def test_chunks_do_not_show(monkeypatch):
    tokens = tokens_of(*["the cat sat on the mat and the dog slept" for _ in range(20)])
    whole = cooccurrence(tokens, 3).toarray()
    monkeypatch.setattr(glove_module, "_CHUNK", 7)
    assert cooccurrence(tokens, 3).toarray() == pytest.approx(whole)


def counts_of(size, seed):
    random = np.random.default_rng(seed)
    matrix = random.gamma(0.5, 20, (size, size)) * (random.random((size, size)) < 0.6)
    return sparse.csr_array(matrix + matrix.T)


def test_the_minimum_of_gloves_objective_is_found():
    counts = counts_of(12, 1)
    words, contexts = fit(counts, 3, seed=2, sweeps=200)
    found = objective(counts, words, contexts)
    shape = words.shape

    def value(flat):
        first, second = flat.reshape(2, *shape)
        return objective(counts, first, second)

    # A minimum: a general optimizer that starts there, or elsewhere, does not do better.
    start = np.stack([words, contexts]).ravel()
    again = optimize.minimize(value, start, method="L-BFGS-B", options={"maxiter": 200, "maxfun": 20000})
    assert again.fun == pytest.approx(found, rel=1e-4)
    other = np.random.default_rng(5).uniform(-0.3, 0.3, start.shape)
    elsewhere = optimize.minimize(value, other, method="L-BFGS-B", options={"maxiter": 500, "maxfun": 60000})
    assert found <= elsewhere.fun * 1.02


def test_each_sweep_lowers_the_objective():
    counts = counts_of(30, 3)
    values = [objective(counts, *fit(counts, 5, seed=1, sweeps=sweeps)) for sweeps in (1, 2, 4, 8)]
    assert values == sorted(values, reverse=True) and values[-1] < values[0]


SETTINGS = Embeddings(methods=["glove", "word2vec"], dimensions=10, window=4, min_count=1, epochs=30)


@pytest.mark.parametrize("train", [glove, word2vec])
@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            ["the cat drinks milk", "the kitten drinks milk", "a car needs petrol", "a truck needs petrol"],
        ),
        ("zh", ["小猫喝牛奶", "小狗喝牛奶", "汽车要汽油", "卡车要汽油"]),
    ],
)
def test_words_used_alike_are_near(train, language, texts):
    words = ["小猫", "小狗", "牛奶", "汽车", "卡车", "汽油"]
    tokens = tokens_of(*texts * 60, language=language, words=words)
    vectors = train(tokens, SETTINGS, 1)
    one, two, other = ("cat", "kitten", "truck") if language == "en" else ("小猫", "小狗", "卡车")
    a, b, c = vectors.of([one, two, other])
    assert a @ b > a @ c + 0.2
    assert np.linalg.norm(vectors.matrix, axis=1) == pytest.approx(1, abs=1e-5)


TRAIN = """
import sys
import pyarrow as pa
from textmill.config.embeddings import Embeddings
from textmill.evaluation.embeddings.glove import glove
from textmill.evaluation.embeddings.segmentation import splitter
from textmill.evaluation.embeddings.tokens import sample
from textmill.evaluation.embeddings.word2vec import word2vec
texts = [f"she reads book {chr(97 + n % 26)} and he walks home {chr(97 + n % 7)}" for n in range(300)]
texts_zh = [f"她在家里读第{'一二三四五六七'[n % 7]}本书，他去上班" for n in range(300)]
settings = Embeddings(methods=["glove", "word2vec"], dimensions=12)
for language, documents in (("en", texts), ("zh", texts_zh)):
    split = splitter(language, "jieba", ["上班"])
    tokens = sample([(None, pa.array(documents, pa.large_string()))], split, 2, 1000)
    for name, train in (("glove", glove), ("word2vec", word2vec)):
        train(tokens, settings, 7).write(f"{sys.argv[1]}/{language}-{name}.parquet")
"""


def test_another_process_with_another_hash_seed_writes_the_same_bytes(tmp_path, root):
    found = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root / "src")}
        subprocess.run([sys.executable, "-c", TRAIN, str(folder)], env=environment, check=True)
        found.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())])
    assert found[0] == found[1] and len(found[0]) == 4


def test_a_sample_is_the_same_documents_in_any_order(tmp_path):
    rows = [(f"{n:032x}", f"text number {n} " * 9, "s", "MIT", ("en", "zh")[n % 2], "{}") for n in range(400)]
    for name, order in (("a", rows), ("b", rows[::-1])):
        columns = list(zip(*order, strict=True))
        table = pa.table(
            [pa.array(c, f.type) for c, f in zip(columns, DOCUMENT, strict=True)], schema=DOCUMENT
        )
        write_table(tmp_path / name / "part-00000.parquet", table)
    size = sum(len(row[1]) for row in rows if row[4] == "en")
    one, two = (
        sorted(
            i for ids, _ in chosen_documents([tmp_path / name], "en", size // 2, 3) for i in ids.to_pylist()
        )
        for name in "ab"
    )
    assert one == two and 60 < len(one) < 140
    everything = [len(ids) for ids, _ in chosen_documents([tmp_path / "a"], "en", size, 3)]
    assert sum(everything) == 200


def test_missing_libraries_are_named_with_their_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(UserError, match=r"textmill\[embeddings\]"):
        word2vec(tokens_of("a b"), SETTINGS, 1)
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(UserError, match=r"textmill\[chinese\]"):
        splitter("zh", "jieba", [])
