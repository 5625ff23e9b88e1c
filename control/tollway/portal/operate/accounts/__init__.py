"""Accounts: who pays, and the people and keys in them."""
