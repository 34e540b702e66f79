"""How the command begins: its modules are read with nobody looking for garbage among them."""

import gc


def main() -> None:
    """Read the command's modules, then run it."""
    gc.disable()  # what modules make is in use to the end: looking through it took a sixth of this
    from crossbill import cli

    gc.freeze()
    gc.enable()
    cli.main()


if __name__ == "__main__":
    main()
