"""What every room needs and no room owns: clocks, durations, secrets, logs."""
