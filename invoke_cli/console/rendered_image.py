"""A picture as terminal text, and how it gets onto the screen: over an area that is there already, or as lines."""

from __future__ import annotations

from dataclasses import dataclass, field

SAVE, RESTORE = "\x1b7", "\x1b8"


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedImage:
    """A picture of columns x rows cells: `before` is data that shows nothing by itself; then come either `lines`, a
    text for each row, or `image`, one sequence that paints to the right of and below the cursor.
    """

    columns: int
    rows: int
    before: str = field(default="", repr=False)
    lines: tuple[str, ...] = field(default=(), repr=False)
    image: str = field(default="", repr=False)

    @property
    def painted(self) -> str:
        """What paints it over the area whose upper left cell has the cursor; the cursor stays there."""
        if self.image:
            return f"{self.before}{SAVE}{self.image}{RESTORE}"
        # The last row is not stepped down from: below it the screen might end.
        rows = "\x1b[B".join(f"{SAVE}{line}{RESTORE}" for line in self.lines)
        return self.before + rows + up(self.rows - 1)

    @property
    def reserved(self) -> str:
        """What makes room for it and one line more, from a line's start, and goes back to where it began."""
        return "\n" * self.rows + up(self.rows)

    @property
    def printed(self) -> str:
        """What prints it from a line's start; the cursor is then at the start of the line below."""
        if self.lines:
            return self.before + "".join(f"{line}\n" for line in self.lines)
        return f"{self.reserved}{self.painted}{down(self.rows - 1)}\n"


def up(rows: int) -> str:
    """The cursor so many rows up."""
    return f"\x1b[{rows}A" if rows > 0 else ""


def down(rows: int) -> str:
    """The cursor so many rows down."""
    return f"\x1b[{rows}B" if rows > 0 else ""
