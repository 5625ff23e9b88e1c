"""What an operator changes while everything runs: who may sign up, and the invites for it."""
