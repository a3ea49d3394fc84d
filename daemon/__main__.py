"""`python -m daemon` is `readyd`."""

from daemon.cli import main

main()
