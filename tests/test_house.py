"""The code keeps the rules of the house: one format, clean for the linter, types that fit, imports that go one way."""

import subprocess
import sys
from pathlib import Path

import pytest

from bookkit.project import ROOT

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
