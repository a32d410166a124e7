"""What an interrupt says, and of which verbs it may say it."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import typer

from graphpoly.cli.app import app
from graphpoly.cli.failures import FAILED, RESUME, failing_with


def commands(group: typer.Typer) -> list[typer.models.CommandInfo]:
    found = list(group.registered_commands)
    for inner in group.registered_groups:
        found += commands(inner.typer_instance)
    return found


@pytest.mark.parametrize(
    ("again", "said"),
    [(None, "interrupted\n"), (RESUME, f"interrupted; {RESUME} goes on from here\n")],
)
def test_an_interrupt_is_one_line(
    again: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as caught, failing_with(FAILED, debug=False, again=again):
        raise KeyboardInterrupt
    assert caught.value.exit_code == FAILED
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("arguments", ["list", "list --json", "show csbm"])
def test_a_reader_who_has_had_enough_hears_no_complaint(arguments: str) -> None:
    code = (
        f"import sys; sys.argv[1:] = {arguments.split()}; import graphpoly.cli.app as a; a.main()"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_only_a_verb_that_can_resume_says_so() -> None:
    callbacks = [command.callback for command in commands(app) if command.callback]
    assert len(callbacks) > 15
    for verb in callbacks:
        says = "again=RESUME" in inspect.getsource(verb)
        assert says == ("resume" in inspect.signature(verb).parameters), verb.__name__
