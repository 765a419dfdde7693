"""The hash that a model file carries of itself, by which a change of any of its bytes is noticed.

The hash is the sha256, in hexadecimal, of the whole file with zeros in the place of the hash itself. The manifest has
it as `file_sha256`.
"""

import hashlib

from linguagen.models.errors import ModelFileError

UNSEALED = "0" * 64
"""What stands in the place of the hash while the file is hashed."""


def seal(data: bytes) -> tuple[bytes, str]:
    """Write a model file's hash into it.

    Args:
        data: the content of the file, whose manifest has UNSEALED as its `file_sha256`.

    Returns:
        The sealed content, and the hash.
    """
    place = _place(data, UNSEALED)
    if place < 0:
        raise ValueError("the file has no manifest that waits for its hash")
    digest = _digest(data, place)
    return data[:place] + digest.encode() + data[place + len(UNSEALED) :], digest


def check_seal(data: bytes, recorded: str, origin: str) -> None:
    """Refuse a model file whose hash is not the one that its manifest records.

    Args:
        data: the content of the file.
        recorded: the manifest's `file_sha256`.
        origin: the file's path, for messages.

    Raises:
        ModelFileError: the hash differs, or the manifest does not record it as `seal` does.
    """
    place = _place(data, recorded)
    actual = _digest(data, place) if place >= 0 else "another"
    if actual != recorded:
        raise ModelFileError(
            f"{origin}: its bytes have the sha256 {actual[:16]}..., its manifest says {recorded[:16]}...; the file was "
            "edited or damaged: export or copy it again"
        )


def _place(data: bytes, recorded: str) -> int:
    """Where in a file the 64 characters of its hash begin; -1 if they are not there."""
    field = b'"file_sha256": "'
    found = data.find(field + recorded.encode() + b'"') if len(recorded) == len(UNSEALED) else -1
    return found if found < 0 else found + len(field)


def _digest(data: bytes, place: int) -> str:
    """The sha256 of a file with zeros where its hash stands."""
    view = memoryview(data)
    digest = hashlib.sha256(view[:place])
    digest.update(UNSEALED.encode())
    digest.update(view[place + len(UNSEALED) :])
    return digest.hexdigest()
