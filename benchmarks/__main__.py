"""Run every benchmark and write benchmarks/RESULTS.md: `make bench`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
BENCHMARKS = (
    "budgets",
    "train_causal",
    "train_masked",
    "train_denoising",
    "train_distributed",
    "corpus_dedup",
    "corpus_filters",
    "corpus_pii",
    "corpus_names",
    "corpus_language",
    "corpus_tokens",
    "corpus_validation",
    "corpus_growth",
    "corpus_crash",
    "corpus_ledger",
    "corpus_readers",
    "generation",
    "startup",
)
"""In the order in which RESULTS.md shows them; `corpus` names all that begin with corpus_."""


def main() -> None:
    """Run the named benchmarks, or all, and write their tables to benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which of: {', '.join(BENCHMARKS)}")
    chosen = parser.parse_args().names or list(BENCHMARKS)
    names = [
        name for name in BENCHMARKS if name in chosen or (name.startswith("corpus_") and "corpus" in chosen)
    ]
    unknown = sorted(set(chosen) - {*BENCHMARKS, "corpus"})
    if unknown:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are: corpus, {', '.join(BENCHMARKS)}")
    tables = _known()
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        lines = [
            f"\n## {module.TITLE}\n",
            f"Measured on {os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}.\n",
            *([f"{module.NOTE}\n"] if hasattr(module, "NOTE") else []),
            "| claim | goal | measured | met |",
            "|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in module.rows()),
        ]
        tables[module.TITLE] = "\n".join(lines) + "\n"
        print(tables[module.TITLE], flush=True)
        RESULTS.write_text(
            "# Results\n\nWritten by `make bench` and `make bench-corpus`.\n" + "".join(tables.values()),
            "utf-8",
        )


def _known() -> dict[str, str]:
    """The tables of RESULTS.md by title, so that one benchmark can be run again without losing the others."""
    parts = RESULTS.read_text(encoding="utf-8").split("\n## ")[1:] if RESULTS.exists() else []
    return {part.partition("\n")[0]: f"\n## {part.rstrip()}\n" for part in parts}


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or "unknown processor"
    return platform.processor() or "unknown processor"


if __name__ == "__main__":
    main()
