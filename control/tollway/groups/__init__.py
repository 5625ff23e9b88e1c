"""Groups: which models an account may call, at which price multiplier, within which limits."""
