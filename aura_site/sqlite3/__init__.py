"""Django's SQLite with turns: the threads of a process that want to write take them in the order in which they came."""
