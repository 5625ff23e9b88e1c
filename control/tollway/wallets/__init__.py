"""Wallets: what an account has, and the ledger's entries behind it."""
