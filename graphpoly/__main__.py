"""``python -m graphpoly``: the command, as ``torchrun -m`` starts it."""

from graphpoly.cli.app import main

if __name__ == "__main__":
    main()
