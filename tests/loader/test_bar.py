"""A bar is told what is done, and is seen on a terminal alone."""

import sys

from graphpoly.loader.bar import bar


def test_it_draws_on_a_terminal_alone(capsys, monkeypatch):
    for shown in (True, False):
        with bar("counting", 4, shown=shown) as done:
            done(3)
        assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with bar("counting", 4, shown=True) as done:
        done(3)
    out, err = capsys.readouterr()
    assert not out
    assert "counting" in err
    assert "75%" in err
