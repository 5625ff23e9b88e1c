"""`/playground`: a chat with a model, in the page, paid by the account."""
