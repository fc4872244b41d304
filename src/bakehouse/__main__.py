"""``python -m bakehouse`` is the command ``bakehouse``."""

from bakehouse.cli.main import main

main(prog_name="bakehouse")
