"""`python -m tollway.node`: the gateway without the command line, settings from file and environment."""

from tollway.node.host import run
from tollway.settings import load_settings

if __name__ == "__main__":
    run(load_settings())
