"""An image as terminal text, and how to print it: over a reserved area or as lines."""

from __future__ import annotations

from dataclasses import dataclass, field

SAVE, RESTORE = "\x1b7", "\x1b8"


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedImage:
    """A rendered image.

    Attributes:
        columns: Its width in cells.
        rows: Its height in cells.
        before: Data to send first, which displays nothing by itself.
        lines: The text of each row.
        image: Instead of lines: one sequence that draws to the right of and below the cursor.
    """

    columns: int
    rows: int
    before: str = field(default="", repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)
    image: str = field(default="", repr=False)

    @property
    def overlay(self) -> str:
        """Return the text that draws it over an area with the cursor in its upper left cell, where the cursor stays."""
        if self.image:
            return f"{self.before}{SAVE}{self.image}{RESTORE}"
        # No cursor movement below the last row: it may be the last line of the screen.
        rows = "\x1b[B".join(f"{SAVE}{line}{RESTORE}" for line in self.lines)
        return self.before + rows + up(self.rows - 1)

    @property
    def reserved(self) -> str:
        """Return the text that reserves its rows and one more line, from the start of a line, and moves back."""
        return "\n" * self.rows + up(self.rows)

    @property
    def printed(self) -> str:
        """Return the text that prints it from the start of a line, and moves to the start of the line below."""
        if self.lines:
            return self.before + "".join(f"{line}\n" for line in self.lines)
        return f"{self.reserved}{self.overlay}{down(self.rows - 1)}\n"


def up(rows: int) -> str:
    """Return the sequence that moves the cursor up."""
    return f"\x1b[{rows}A" if rows > 0 else ""


def down(rows: int) -> str:
    """Return the sequence that moves the cursor down."""
    return f"\x1b[{rows}B" if rows > 0 else ""
