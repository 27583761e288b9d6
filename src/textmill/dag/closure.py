"""The code a stage runs: which files its module imports, directly or not, and dvc.yaml kept in line with it.

``python -m textmill.dag.closure`` says what dvc.yaml lacks; with ``--write`` it is written there.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from textmill.errors import UserError
from textmill.files import replacing

ROOTS = ("src", ".")
"""Where modules of the project lie, below the repository root."""
OURS = ("textmill", "pipelines")
"""Packages whose files are code deps."""
READS_PACKAGES = ("ingest", "tasks")
"""Stages that read the docstrings of installed packages, and so depend on the list of them."""
_COMMAND = re.compile(r"python -m (pipelines\.\w+)")


def closure(module: str, root: str | os.PathLike[str] = ".") -> list[str]:
    """Files that ``python -m module`` may run, relative to `root` and sorted.

    Follows every import statement, also inside functions, and counts the ``__init__`` of each package on the
    way. A module that reads files of its package names them in ``PACKAGED_FILES``, a tuple of paths relative
    to itself; they count too.

    Raises:
        UserError: the module or a packaged file it names does not exist, or a file is not valid Python.
    """
    base = Path(root)
    if _locate(module, base) is None:
        raise UserError(f"{module.replace('.', '/')}.py: not found, though dvc.yaml runs it as a stage.")
    found: set[Path] = set()
    waiting = list(_with_packages(module, base))
    while waiting:
        name, path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        tree = _parsed(path)
        found.update(_packaged_files(tree, path))
        for imported in _imports(tree, name, path):
            waiting.extend(_with_packages(imported, base))
    return sorted(path.relative_to(base).as_posix() for path in found)


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as error:
        raise UserError(f"{path}: line {error.lineno}: not valid Python: {error.msg}.") from None


def _locate(module: str, base: Path) -> Path | None:
    relative = Path(*module.split("."))
    for root in ROOTS:
        for candidate in (base / root / relative / "__init__.py", base / root / relative.with_suffix(".py")):
            if candidate.is_file():
                return candidate
    return None


def _with_packages(module: str, base: Path) -> Iterator[tuple[str, Path]]:
    """The module and each package above it, as far as they are files of ours."""
    parts = module.split(".")
    if parts[0] not in OURS:
        return
    if parts[-1] == "*":
        package = _locate(".".join(parts[:-1]), base)
        for file in sorted(package.parent.glob("*.py")) if package else ():
            yield f"{'.'.join(parts[:-1])}.{file.stem}", file
        parts.pop()
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        path = _locate(name, base)
        if path is not None:
            yield name, path


def _imports(tree: ast.Module, module: str, path: Path) -> Iterator[str]:
    """Names that may be modules: of ``from a import b`` both ``a`` and ``a.b``."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _executed(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            name = ".".join(part for part in (above, node.module) if part)
            yield name
            for alias in node.names:
                yield f"{name}.{alias.name}"
        elif isinstance(node, ast.Call) and _is_import_module(node.func):
            yield _named(node, path)


def _named(call: ast.Call, path: Path) -> str:
    """What a call of import_module names; ``package.*`` where only the package is fixed."""
    name = call.args[0] if call.args else None
    if isinstance(name, ast.Constant):
        return str(name.value)
    if isinstance(name, ast.JoinedStr) and isinstance(name.values[0], ast.Constant):
        package, dot, _ = str(name.values[0].value).rpartition(".")
        if dot:
            return f"{package}.*"
    raise UserError(
        f"{path}: line {call.lineno}: import_module of a name that is computed as a whole, so the code "
        "deps of a stage cannot be told. Fix at least the package: import_module(f'package.{name}')."
    )


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            waiting: list[ast.AST] = list(node.orelse)
        else:
            waiting = [node]
        for found in waiting:
            yield found
            yield from _executed(found)


def _is_import_module(function: ast.expr) -> bool:
    return (isinstance(function, ast.Attribute) and function.attr == "import_module") or (
        isinstance(function, ast.Name) and function.id == "import_module"
    )


def _packaged_files(tree: ast.Module, path: Path) -> set[Path]:
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and _is_packaged_files(node.targets)):
            continue
        files = {path.parent / str(name) for name in ast.literal_eval(node.value)}
        for file in files:
            if not file.is_file():
                raise UserError(f"{path}: PACKAGED_FILES: {file.name}: no such file beside it.")
        return files
    return set()


def _is_packaged_files(targets: list[ast.expr]) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "PACKAGED_FILES" for target in targets)


def is_code(dep: str) -> bool:
    """Whether a dep of dvc.yaml is one that this module keeps."""
    return dep.startswith(("src/", "pipelines/")) or dep == "requirements.lock"


def stage_module(entry: Any) -> str | None:
    """The module a stage of dvc.yaml runs, or None when it runs something else."""
    body = entry.get("do", entry)
    match = _COMMAND.search(str(body.get("cmd", "")))
    return match[1] if match else None


def wanted_deps(name: str, module: str, root: str | os.PathLike[str] = ".") -> list[str]:
    """The code deps of stage `name`: its import closure and, where it reads packages, their list."""
    return closure(module, root) + (["requirements.lock"] if name in READS_PACKAGES else [])


def gaps(root: str | os.PathLike[str] = ".") -> dict[str, tuple[list[str], list[str]]]:
    """Per stage of dvc.yaml whose code deps are not its closure: the missing ones and those too many."""
    found = {}
    for name, entry in _load(Path(root))["stages"].items():
        module = stage_module(entry)
        if module is None:
            continue
        declared = {dep for dep in _names(entry.get("do", entry).get("deps", [])) if is_code(dep)}
        wanted = set(wanted_deps(name, module, root))
        if declared != wanted:
            found[name] = (sorted(wanted - declared), sorted(declared - wanted))
    return found


def write(root: str | os.PathLike[str] = ".") -> list[str]:
    """Rewrite the code deps in dvc.yaml; data deps, comments and everything else stay as they are.

    Returns:
        The stages whose deps changed.
    """
    base = Path(root)
    changed = sorted(gaps(base))
    if not changed:
        return []
    document = _load(base)
    for name in changed:
        entry = document["stages"][name]
        body = entry.get("do", entry)
        data = [dep for dep in body.get("deps", []) if not is_code(_name(dep))]
        deps = data + wanted_deps(name, str(stage_module(entry)), base)
        if "deps" in body:
            body["deps"] = _block(deps)
        else:
            body.insert(list(body).index("cmd") + 1, "deps", _block(deps))
    text = StringIO()
    _yaml().dump(document, text)
    with replacing(base / "dvc.yaml") as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
    return changed


def _block(deps: list[Any]) -> Any:
    from ruamel.yaml.comments import CommentedSeq

    block = CommentedSeq(deps)
    block.fa.set_block_style()
    return block


def _names(deps: Iterable[Any]) -> list[str]:
    return [_name(dep) for dep in deps]


def _name(dep: Any) -> str:
    return str(next(iter(dep))) if isinstance(dep, dict) else str(dep)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _load(base: Path) -> Any:
    try:
        return _yaml().load((base / "dvc.yaml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{base / 'dvc.yaml'}: not found. Run this in the repository root.") from None


def main() -> int:
    """Compare dvc.yaml with the imports, or write them there."""
    parser = argparse.ArgumentParser(prog="python -m textmill.dag.closure", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the code deps into dvc.yaml")
    if parser.parse_args().write:
        changed = write()
        print(
            f"dvc.yaml: code deps rewritten: {', '.join(changed)}."
            if changed
            else "dvc.yaml: nothing to change."
        )
        return 0
    found = gaps()
    for name, (missing, extra) in found.items():
        print(f"{name}: missing {', '.join(missing) or 'nothing'}; too many {', '.join(extra) or 'nothing'}")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
