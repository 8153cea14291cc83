"""``python -m emr_emulator`` is the command ``emr-emulator``."""

from emr_emulator.cli import main

if __name__ == "__main__":
    main(prog_name="emr-emulator")
