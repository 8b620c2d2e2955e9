"""What a reader of one kind of file says of bytes that it can't take."""


class DamagedDatabase(ValueError):
    """The file is not as its format demands; the message says where. What was read before it stands."""
