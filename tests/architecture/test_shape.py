"""Sizes, names and absences that ARCHITECTURE.md promises, read from the source itself."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "sptraderb"
FILES = sorted(SOURCE.rglob("*.py"))
MODULES = [path for path in FILES if path.name != "__init__.py"]

FILE_CEILING = 400
FUNCTION_CEILING = 60
KERNEL_CEILING = 150
FORBIDDEN_NAMES = {"utils", "helpers", "base", "common", "misc"}
PURE_LAYERS = ("engine", "oracle", "strategy", "domain")
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "breakpoint"}
READS_ENVIRONMENT = {"settings.py", "cli", "testing"}
# Numba reads its cache folder and CPU name from the environment before it is imported, so the one
# module that imports it first must set them there.
SETS_NUMBA_ENVIRONMENT = {"orchestrator/kernel_environment.py"}


def relative(path: Path) -> str:
    """Return a module's path below the package, with slashes."""
    return path.relative_to(SOURCE).as_posix()


def tree(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Give every function of a module, nested ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines without its docstring."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    skipped = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - skipped


def jit_decorated(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a function is compiled by Numba."""
    return any("jit" in ast.unparse(decorator) for decorator in node.decorator_list)


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_file_when_counted_then_stays_under_the_ceiling(path: Path) -> None:
    """A source file has at most 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= FILE_CEILING


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_functions_when_counted_then_stay_under_the_ceiling(path: Path) -> None:
    """A function has at most 60 lines beside its docstring, a kernel 150."""
    for node in functions(path):
        ceiling = KERNEL_CEILING if jit_decorated(node) else FUNCTION_CEILING
        assert code_lines(node) <= ceiling, f"{relative(path)}:{node.lineno} {node.name}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_when_opened_then_says_what_it_is(path: Path) -> None:
    """Every module has a docstring."""
    assert ast.get_docstring(tree(path)), relative(path)


def test_file_names_when_listed_then_are_unique_and_meaningful() -> None:
    """A file name occurs once in the tree and is none of the names that say nothing."""
    counts = Counter(path.stem for path in MODULES)
    assert [name for name, count in counts.items() if count > 1] == []
    assert FORBIDDEN_NAMES.isdisjoint(counts)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_jitted_functions_when_named_then_end_in_nb(path: Path) -> None:
    """A function compiled by Numba says so by its name, and only such a function does."""
    for node in functions(path):
        assert node.name.endswith("_nb") == jit_decorated(node), f"{relative(path)}:{node.lineno} {node.name}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_when_read_then_avoid_deferred_annotations(path: Path) -> None:
    """No module defers annotations or imports for the type checker only: msgspec reads real types."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            pytest.fail(f"{relative(path)} imports from __future__")
        if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING":
            pytest.fail(f"{relative(path)} uses TYPE_CHECKING")


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_environment_when_read_then_by_settings_only(path: Path) -> None:
    """No module but settings and the command line touches the environment (tests' builders aside)."""
    where = relative(path)
    if where.split("/")[0] in READS_ENVIRONMENT or where in SETS_NUMBA_ENVIRONMENT:
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "putenv"}:
            pytest.fail(f"{where}:{node.lineno} reads the environment")


@pytest.mark.parametrize("path", [p for p in MODULES if relative(p).startswith(PURE_LAYERS)], ids=relative)
def test_pure_layers_when_read_then_do_no_io(path: Path) -> None:
    """Nothing in the core opens files, prints, reads a clock or draws random numbers."""
    if relative(path) == "engine/warm.py":
        return  # the command that compiles the kernels at install time prints what it does
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in IMPURE_CALLS, f"{relative(path)}:{node.lineno}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"utcnow", "today", "now", "default_rng"}, (
                f"{relative(path)}:{node.lineno}"
            )


def test_oracle_and_engine_when_compared_then_share_no_function_body() -> None:
    """The oracle shares no line of logic with the engine: no function body occurs in both."""
    bodies = {
        layer: {
            ast.dump(ast.Module(body=node.body, type_ignores=[]))
            for path in MODULES
            if relative(path).startswith(layer)
            for node in functions(path)
            if code_lines(node) > 2
        }
        for layer in ("engine/", "oracle/")
    }
    assert all(bodies.values())
    assert bodies["engine/"].isdisjoint(bodies["oracle/"])
