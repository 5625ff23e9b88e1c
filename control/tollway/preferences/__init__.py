"""Preferences: what an operator may change while everything runs. Settings that need a restart are in settings.py."""
