"""What finds the duplicates of a directory of shards: textmill, and the peers as their documentation does it.

Each function prepares (imports), and returns a function that reads the shards, finds the duplicates and
returns the documents that are in a cluster with another one, as bits, one per document.
"""

from __future__ import annotations

import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import regex
from scipy import sparse

from textmill.corpus.shards import shard_paths

Bits = bytes
_ALONE = r"[\p{Han}\p{Hiragana}\p{Katakana}]"
_TOKEN = regex.compile(rf"{_ALONE}|[\p{{L}}\p{{M}}\p{{N}}--{_ALONE}]+", regex.V1)


def shingles(text: str, size: int = 5) -> set[str]:
    """A text's set of shingles, as textmill defines them, made the way a Python program would."""
    words = _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())
    if len(words) < size:
        return {" ".join(words)} if words else set()
    return set(map(" ".join, zip(*(words[place:] for place in range(size)), strict=False)))


def _texts(folder: str) -> Iterator[str]:
    for path in shard_paths(folder):
        for batch in pq.ParquetFile(path).iter_batches(4096, columns=["text"]):
            yield from batch.column(0).to_pylist()


def _one_thread() -> None:
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def clustered(count: int, pairs: Iterable[tuple[int, int]] | npt.NDArray[np.int64]) -> Bits:
    """Which of `count` documents a chain of pairs connects with another, as packed bits."""
    ends = np.asarray(pairs if isinstance(pairs, np.ndarray) else list(pairs), np.int64).reshape(-1, 2)
    edges = sparse.coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    component = sparse.csgraph.connected_components(edges, directed=False)[1]
    return np.packbits(np.bincount(component, minlength=count)[component] > 1).tobytes()


def textmill(folder: str) -> Callable[[], Bits]:
    """Verified: every pair's exact Jaccard similarity is at least 0.8."""
    import pyarrow.compute as pc
    import scipy.sparse.csgraph  # noqa: F401

    from textmill.config.dedup import Dedup
    from textmill.corpus.dedup import find_duplicates

    _one_thread()

    def work() -> Bits:
        with tempfile.TemporaryDirectory() as scratch:
            found = find_duplicates(folder, Dedup(), 7, scratch)
        ids = pa.concat_arrays(
            [chunk for path in shard_paths(folder) for chunk in pq.read_table(path, columns=["id"])[0].chunks]
        )
        return np.packbits(pc.is_in(ids, found["id"].combine_chunks()).to_numpy(False)).tobytes()

    return work


def rensa(folder: str) -> Callable[[], Bits]:
    """R-MinHash of 128 values, 16 bands, candidates kept when the estimate is at least 0.8."""
    from rensa import RMinHash, RMinHashLSH

    _one_thread()

    def work() -> Bits:
        sketches, block = [], []
        for text in _texts(folder):
            block.append(list(shingles(text)))
            if len(block) == 1024:
                sketches += RMinHash.from_token_sets(block, num_perm=128, seed=42)
                block = []
        sketches += RMinHash.from_token_sets(block, num_perm=128, seed=42)
        index = RMinHashLSH(threshold=0.8, num_perm=128, num_bands=16)
        index.insert_many(sketches)
        pairs = [
            (number, other)
            for number, found in enumerate(index.query_all(sketches))
            for other in found
            if other > number and index.is_similar(sketches[number], sketches[other])
        ]
        return clustered(len(sketches), pairs)

    return work


def datasketch(folder: str) -> Callable[[], Bits]:
    """MinHash of 128 values with xxh32, and MinHashLSH at 0.8."""
    import xxhash
    from datasketch import MinHash, MinHashLSH

    _one_thread()

    def work() -> Bits:
        index = MinHashLSH(threshold=0.8, num_perm=128)
        sets = ([each.encode() for each in shingles(text)] for text in _texts(folder))
        pairs, count = [], 0
        for sketch in MinHash.generator(sets, num_perm=128, hashfunc=xxhash.xxh32_intdigest):
            pairs += [(count, other) for other in index.query(sketch)]
            index.insert(count, sketch, check_duplication=False)
            count += 1
        return clustered(count, pairs)

    return work


def datatrove(folder: str) -> Callable[[], Bits]:
    """Signature, buckets, cluster and filter with 14 buckets of 8 hashes; words are cut at white space."""
    import xxhash
    from loguru import logger

    logger.remove()
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.word_tokenizers import WhitespaceTokenizer

    _one_thread()

    def work() -> Bits:
        root = tempfile.mkdtemp()
        config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)
        reader = ParquetReader(folder, text_key="text", id_key="id", glob_pattern="part-*.parquet")
        signature = MinhashDedupSignature(f"{root}/signatures", config)
        signature.word_tokenizer = WhitespaceTokenizer()
        # Its own wrapper hands xxhash a str, which xxhash 4 refuses.
        signature._hash_func = lambda shingle: xxhash.xxh64_intdigest(shingle.encode())
        cluster = MinhashDedupCluster(
            f"{root}/buckets", f"{root}/removed", config=config, save_cluster_id=True, save_cluster_size=True
        )
        dropping = MinhashDedupFilter(
            f"{root}/removed",
            exclusion_writer=JsonlWriter(f"{root}/dropped", compression=None),
        )
        steps = (
            ([reader, signature], 1),
            ([MinhashDedupBuckets(f"{root}/signatures", f"{root}/buckets", config=config)], 14),
            ([cluster], 1),
            ([reader, dropping, JsonlWriter(f"{root}/kept", compression=None)], 1),
        )
        for number, (pipeline, tasks) in enumerate(steps):
            LocalPipelineExecutor(
                pipeline, tasks=tasks, workers=1, logging_dir=f"{root}/logs/{number}", skip_completed=False
            ).run()
        bits = _members(Path(root) / "buckets", folder)
        shutil.rmtree(root)
        return bits

    return work


def _members(buckets: Path, folder: str) -> Bits:
    """The clusters of the pairs that datatrove found: (file, document, file, document), four uint32 each."""
    count = sum(pq.read_metadata(path).num_rows for path in shard_paths(folder))
    found = [np.fromfile(path, "<u4").reshape(-1, 4) for path in sorted(buckets.glob("*.dups"))]
    pairs = np.concatenate(found).astype(np.int64)[:, [1, 3]]
    return clustered(count, pairs)


def daft(folder: str) -> Callable[[], Bits]:
    """Unverified: `minhash` with 126 hashes of 5 words, 21 bands of 6 grouped, connected components."""
    import daft as library
    from daft import col

    _one_thread()
    library.set_runner_native(num_threads=1)

    def work() -> Bits:
        frame = library.read_parquet([str(path) for path in shard_paths(folder)]).select("text")
        plain = col("text").normalize(remove_punct=True, lowercase=True, nfd_unicode=True, white_space=True)
        signed = frame.select(
            plain.minhash(num_hashes=126, ngram_size=5, seed=42, hash_function="xxhash").alias("signature")
        )
        signatures = np.concatenate(
            [
                batch.column(0).combine_chunks().flatten().to_numpy().reshape(-1, 126)
                if isinstance(batch.column(0), pa.ChunkedArray)
                else batch.column(0).flatten().to_numpy().reshape(-1, 126)
                for batch in signed.to_arrow_iter()
            ]
        )
        pairs = []
        for band in range(21):
            key = np.ascontiguousarray(signatures[:, 6 * band : 6 * band + 6]).view("V24").ravel()
            grouped = (
                library.from_pydict(
                    {
                        "key": [each.tobytes() for each in key],
                        "document": np.arange(len(key)),
                    }
                )
                .groupby("key")
                .agg(col("document").list_agg())
                .where(col("document").list_count() > 1)
                .to_pydict()["document"]
            )
            pairs += [(group[0], other) for group in grouped for other in group[1:]]
        return clustered(len(signatures), pairs)

    return work
