"""A file that came with a message, as it is kept with the words: by its id, without its bytes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

#: What of a text is given to a model, in characters.
MOST_TEXT = 50_000
#: What an image takes of a model's context, as characters of text; and how many bytes of a PDF take one.
IMAGE_CHARS, PDF_BYTES_A_CHAR = 4_000, 16
_UNITS = ("bytes", "kB", "MB")


class Attached(BaseModel):
    """One file. What it is called is the sender's word, what type it has is not."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    media_type: str
    size: int

    @property
    def sort(self) -> Literal["image", "pdf", "text"]:
        """By what it can be given to a model."""
        if self.media_type.startswith("image/"):
            return "image"
        return "pdf" if self.media_type == "application/pdf" else "text"

    @property
    def told(self) -> str:
        """It, for people and for models."""
        number, unit = float(self.size), 0
        while number >= 1000 and unit < len(_UNITS) - 1:
            number, unit = number / 1000, unit + 1
        return f"{self.name} ({self.media_type}, {number:.3g} {_UNITS[unit]})"

    @property
    def chars(self) -> int:
        """About what it takes of a model's context, as characters of text."""
        match self.sort:
            case "image":
                return IMAGE_CHARS
            case "pdf":
                return self.size // PDF_BYTES_A_CHAR
            case "text":
                return min(self.size, MOST_TEXT)
