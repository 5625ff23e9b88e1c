"""Redemption codes: making them, shown once; what became of each; revoking."""
