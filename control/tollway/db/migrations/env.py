"""Alembic's entry: runs revisions on the connection that `tollway.db.migrate` hands in, inside its transaction."""

from alembic import context

from tollway.db.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,
)
context.run_migrations()
