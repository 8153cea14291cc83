"""Where runs and locks are kept: journals in memory and in SQLite, locks in files and in Consul."""
