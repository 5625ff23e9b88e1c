"""Helpers that several test levels share."""
