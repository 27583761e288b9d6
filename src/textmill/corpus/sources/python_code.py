"""Docstrings of Python source files, parsed with `ast`: nothing is imported or executed."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textmill.errors import UserError

LEFT_OUT = frozenset(
    {"test", "tests", "testing", "_vendor", "vendored", "idlelib", "site-packages", "dist-packages"}
)
"""Folders whose files are tests, or copies of another package."""

SIGNATURE_CHARS = 160
"""A longer signature is cut."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Docstring:
    """A docstring: `name` is qualified, `signature` is ``(a, b=1)`` or empty, `text` has no indentation."""

    name: str
    signature: str
    text: str


def standard_library(modules: list[str] | None = None) -> list[tuple[str, Path]]:
    """(module name, file) of the standard library's modules, sorted, without its tests.

    Args:
        modules: only these top-level modules; all if None.

    Raises:
        UserError: one of `modules` is not in the standard library.
    """
    root = Path(sysconfig.get_path("stdlib"))
    wanted = sorted(sys.stdlib_module_names) if modules is None else sorted(set(modules))
    for name in wanted:
        if name not in sys.stdlib_module_names:
            raise UserError(f"modules: {name}: not a top-level module of this Python's standard library.")
    files: list[Path] = []
    for name in wanted:
        files += [root / f"{name}.py"] if (root / f"{name}.py").is_file() else (root / name).rglob("*.py")
    return _named((path.relative_to(root).as_posix(), path) for path in files)


def installed(requirement: str) -> list[tuple[str, Path]]:
    """(module name, file) of an installed package's own modules, sorted, without its tests.

    Only files that the package's RECORD lists are read.

    Args:
        requirement: ``name==version``, or a name alone.

    Raises:
        UserError: the package is not installed, or in another version.
    """
    name, _, version = requirement.partition("==")
    try:
        distribution = importlib.metadata.distribution(name.strip())
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"packages: {name}: not installed; expected {requirement} in this environment."
        ) from None
    if version and distribution.version != version.strip():
        raise UserError(
            f"packages: {requirement}: found version {distribution.version} installed. Install the pinned "
            "version or change the pin."
        )
    files = distribution.files or []
    return _named((file.as_posix(), Path(str(file.locate()))) for file in files if file.suffix == ".py")


def version_of(requirement: str) -> str:
    """The installed version of a package that `installed` accepts."""
    return importlib.metadata.version(requirement.partition("==")[0].strip())


def docstrings(module: str, path: Path) -> Iterator[Docstring]:
    """Yield the docstrings of a source file: the module's, and those of its classes, methods and functions.

    Of several definitions of one name (overloads, platform branches) the first with a docstring counts. A
    file that this Python cannot parse yields nothing: packages ship templates and code for other versions.
    """
    source = path.read_bytes()
    if b'"""' not in source and b"'''" not in source:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    seen: set[str] = set()
    for node, name in _definitions(tree, module):
        text = ast.get_docstring(node)
        if text and name not in seen and "\0" not in text:
            seen.add(name)
            signature = "" if isinstance(node, ast.Module) else _signature(node)
            yield Docstring(name, signature, _encodable(text))


def _named(files: Iterator[tuple[str, Path]]) -> list[tuple[str, Path]]:
    kept = {}
    for relative, path in files:
        parts = Path(relative).with_suffix("").parts
        if (
            LEFT_OUT.isdisjoint(parts)
            and not parts[-1].startswith(("test_", "conftest"))
            and ".." not in parts
        ):
            kept[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return sorted(kept.items())


def _definitions(tree: ast.Module, module: str) -> Iterator[tuple[ast.Module | ast.ClassDef | Function, str]]:
    """The module and its definitions, also those below if, try and with, but not those inside functions."""
    yield tree, module
    stack: list[tuple[ast.AST, str]] = [(child, module) for child in reversed(tree.body)]
    while stack:
        node, prefix = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, f"{prefix}.{node.name}"
        elif isinstance(node, ast.ClassDef):
            yield node, f"{prefix}.{node.name}"
            stack += [(child, f"{prefix}.{node.name}") for child in reversed(node.body)]
        elif isinstance(node, ast.If | ast.Try | ast.With):
            stack += [(child, prefix) for child in reversed(list(ast.iter_child_nodes(node)))]


def _signature(node: ast.ClassDef | Function) -> str:
    if isinstance(node, ast.ClassDef):
        node_init = next(
            (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
        )
        if node_init is None:
            return ""
        node = node_init
    positional, named = (
        [ast.arg(arg.arg) for arg in args] for args in (node.args.posonlyargs, node.args.args)
    )
    for receivers in (positional, named):
        if receivers and receivers[0].arg in ("self", "cls"):
            del receivers[0]
            break
    arguments = ast.arguments(
        posonlyargs=positional,
        args=named,
        vararg=ast.arg(node.args.vararg.arg) if node.args.vararg else None,
        kwonlyargs=[ast.arg(arg.arg) for arg in node.args.kwonlyargs],
        kw_defaults=node.args.kw_defaults,
        kwarg=ast.arg(node.args.kwarg.arg) if node.args.kwarg else None,
        defaults=node.args.defaults,
    )
    text = f"({ast.unparse(arguments)})"
    return text if len(text) <= SIGNATURE_CHARS else text[: SIGNATURE_CHARS - 2] + "…)"


def _encodable(text: str) -> str:
    """Text without lone surrogates, which source code can spell but UTF-8 cannot hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
