"""The signed-in person's own page: name, language, theme, password, and where else he is signed in."""
