"""The command ``aet``, one module a command; nothing heavy is imported before a command runs."""
