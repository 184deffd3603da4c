"""`python -m invoke_cli`, and the entry points `invoke` and `invoke-cli`."""

from __future__ import annotations


def main() -> None:
    """Run the program and end the process with its exit status."""
    from invoke_cli.signals import handle_ending_signals

    handle_ending_signals()
    from invoke_cli.cli import invoke

    invoke()


if __name__ == "__main__":
    main()
