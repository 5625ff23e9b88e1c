"""`/models`: what the viewer may call and what it costs there, and a page for each model."""
