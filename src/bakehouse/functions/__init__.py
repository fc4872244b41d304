"""Lambda: archives of code, sandbox processes that run handlers, the Runtime API and the logs."""
