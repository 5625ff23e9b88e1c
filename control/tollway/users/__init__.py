"""Users: people who sign in, their sessions, and how the first operator comes to be."""
