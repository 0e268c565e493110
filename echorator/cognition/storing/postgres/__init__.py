"""The shared store in PostgreSQL. Needs `pip install 'echorator[postgres]'`, which brings psycopg."""
