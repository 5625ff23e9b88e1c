"""`python -m tollway.cli`: the same as the `tollway` command; how `tollway serve` starts its children."""

from tollway.cli import main

if __name__ == "__main__":
    main(prog_name="tollway")
