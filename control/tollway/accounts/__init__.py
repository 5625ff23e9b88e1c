"""Accounts: who pays."""
