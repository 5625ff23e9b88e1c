"""Tollway: one base URL for every model, metered to the token.

The version is stated once, here and in Cargo.toml; a test holds the two together.
"""

__version__ = "0.1.0"
