"""API keys: made, looked at, changed, rotated and revoked by members of an account."""
