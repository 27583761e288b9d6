"""Run every benchmark and write benchmarks/RESULTS.md: `make bench`."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
BENCHMARKS = ("budgets",)


def main() -> None:
    """Run the named benchmarks, or all, and write their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"which of: {', '.join(BENCHMARKS)}")
    names = parser.parse_args().names or list(BENCHMARKS)
    unknown = sorted(set(names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
    parts = [
        "# Results\n\nWritten by `make bench`, on "
        f"{os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}.\n"
    ]
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        lines = [f"\n## {module.TITLE}\n", "| claim | goal | measured | met |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in module.rows()]
        parts.append("\n".join(lines) + "\n")
        print(parts[-1], flush=True)
    RESULTS.write_text("".join(parts), encoding="utf-8")


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
