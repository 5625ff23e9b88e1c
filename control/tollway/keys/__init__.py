"""Keys: what a caller shows the relay to be let in."""
