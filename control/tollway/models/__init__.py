"""Models: what a client asks for by name, its prices and its routes."""
