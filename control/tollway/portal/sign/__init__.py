"""Signing in and out, signing up, the set-up link, and what a browser remembers: language, theme, account."""
