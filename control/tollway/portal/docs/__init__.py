"""The documentation page: the front door."""
