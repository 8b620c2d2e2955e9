"""What a bar on a terminal is made of. It takes 50 ms to import: only who draws does."""

from rich.progress import BarColumn, DownloadColumn, ProgressColumn, Task, TextColumn, TransferSpeedColumn
from rich.text import Text


class Counted(ProgressColumn):
    """A column about bytes, empty for what has none: an analysis is no transfer."""

    def __init__(self, column: DownloadColumn | TransferSpeedColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> Text:
        """What the column says of the bytes, or nothing."""
        return self._column.render(task) if task.total is not None or task.completed else Text("")


def of_transfers() -> tuple[ProgressColumn, ...]:
    """What is read, how far it is, how much that is, and how fast it comes."""
    bytes_read = (Counted(DownloadColumn()), Counted(TransferSpeedColumn()))
    return (TextColumn("{task.description}", markup=False), BarColumn(), *bytes_read)
