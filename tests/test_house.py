"""The code keeps the rules of the house: one format, clean for the linter, types that fit, imports that go one way."""

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bookkit.project import ROOT

pytestmark = pytest.mark.slow

TOOLS = Path(sys.executable).parent
# What is run, and what to do where it finds something.
CHECKS = {
    "ruff format --check --quiet .": "run `.venv/bin/ruff format .`",
    "ruff check --quiet .": "mend what it names",
    "mypy --no-error-summary": "mend the types that it names",
    "lint-imports": "imports go one way; pyproject.toml says which",
}


@pytest.mark.parametrize("command", CHECKS)
def test_the_code_keeps_the_rules_of_the_house(command, tell):
    tool, *arguments = command.split()
    result = subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        tell([f"{command}: {CHECKS[command]}", result.stdout + result.stderr])


def asked_for():
    """Return the names of the packages in requirements.in."""
    text = (ROOT / "requirements.in").read_text(encoding="utf-8")
    return {name.lower() for name in re.findall(r"^[\w.-]+", text, re.MULTILINE)}


def imported():
    """Yield (module, file) for what the code imports from elsewhere."""
    ours = {"bookkit", "parity", "theme", "sample_book", "live_site", "test_setup", *sys.stdlib_module_names}
    ours.add("torch")  # which bookkit/frameworks.sh finds, and whose tests are skipped without it
    for path in sorted(path for folder in ("bookkit", "theme", "tests") for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module]
            yield from ((module, path) for name in modules if (module := name.split(".")[0]) not in ours)


def test_what_the_code_imports_is_asked_for(tell):
    # Or it is gone one day, with the package that happens to bring it.
    packages, known = packages_distributions(), asked_for()
    tell(
        f"{path.relative_to(ROOT)} imports {module}: name its package in requirements.in, then run `make lock`"
        for module, path in imported()
        if known.isdisjoint(package.lower().replace("_", "-") for package in packages.get(module, []))
    )
