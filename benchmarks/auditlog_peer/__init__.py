"""A small app whose messages django-auditlog logs: the peer of benchmarks.audit."""
