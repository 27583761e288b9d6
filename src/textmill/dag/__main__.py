"""``python -m textmill.dag run|plan [STAGE …]``: the DAG without Prefect."""

import argparse
import sys

from textmill.dag.console import plan_command, run_command
from textmill.errors import UserError


def main() -> int:
    """Read the command line and carry it out."""
    parser = argparse.ArgumentParser(prog="python -m textmill.dag", description=__doc__)
    parser.add_argument("action", choices=["run", "plan"])
    parser.add_argument("stages", nargs="*", help="these stages and what they need; all when none is given")
    arguments = parser.parse_args()
    command = run_command if arguments.action == "run" else plan_command
    try:
        return command(arguments.stages)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
