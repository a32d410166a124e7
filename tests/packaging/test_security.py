"""What SECURITY.md promises of the package's own code, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import graphpoly

PACKAGE = Path(graphpoly.__file__).parent
ALLOWED = {
    # looks up no name but those of arrays and tensors, whatever the file asks for
    "data/arrays.py": ["torch.load"],
    # the battery copies a layer through pickle, and reads its own printed form back
    "testing/checks/lifecycle.py": ["pickle.loads"],
    "testing/checks/contract.py": ["eval"],
    "testing/transforms.py": ["eval"],
}


def calls(text: str) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Give name and keywords of every call."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            yield (
                ast.unparse(node.func),
                {word.arg: word.value for word in node.keywords if word.arg},
            )


def unsafe(text: str) -> list[str]:
    """Return the calls that can run code which a file holds."""
    found = []
    for name, words in calls(text):
        given = {key: ast.unparse(value) for key, value in words.items()}
        if name in ("eval", "exec", "pickle.load", "pickle.loads", "pickle.Unpickler", "yaml.load"):
            found.append(name)
        if name.endswith("torch.load") and "safetensors" not in name:
            found += [name] if given.get("weights_only") != "True" else []
        if name in ("np.load", "numpy.load"):
            found += [name] if given.get("allow_pickle") != "False" else []
        if given.get("shell") == "True":
            found.append(f"{name}(shell=True)")
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("torch.load(path)", ["torch.load"]),
        ("torch.load(path, weights_only=False)", ["torch.load"]),
        ("torch.load(path, weights_only=True)", []),
        ("safetensors.torch.load(data)", []),
        ("np.load(path)", ["np.load"]),
        ("np.load(path, allow_pickle=False)", []),
        ("pickle.loads(data)", ["pickle.loads"]),
        ("yaml.load(text, Loader=yaml.Loader)", ["yaml.load"]),
        ("yaml.safe_load(text)", []),
        ("ast.literal_eval(text)", []),
        ("eval(text)", ["eval"]),
        ("subprocess.run(words, shell=True)", ["subprocess.run(shell=True)"]),
    ],
)
def test_the_search_finds_what_it_is_for(text: str, expected: list[str]) -> None:
    assert unsafe(text) == expected


def test_no_reader_of_the_package_runs_what_a_file_holds() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        wrong = unsafe(path.read_text(encoding="utf-8"))
        if wrong:
            found[path.relative_to(PACKAGE).as_posix()] = wrong
    assert found == ALLOWED
