"""What is asked for (a job), what is kept of it (a record), and the protocols of those who keep it."""
