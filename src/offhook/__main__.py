"""``python -m offhook``: the command."""

from __future__ import annotations

from offhook.cli import main

if __name__ == "__main__":
    main()
