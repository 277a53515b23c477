"""SQL and only here: PostgreSQL as a child, pool, migrations, queue, and one module per kind of row."""
