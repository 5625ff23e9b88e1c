"""`/usage`: what the account's requests came to, the requests themselves, and each one's charge explained."""
