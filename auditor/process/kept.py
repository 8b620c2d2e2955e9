"""What is read to find out what an image starts: scripts, what they source, and the files of services."""

from auditor.kept import Kept

KEPT = Kept(
    heads=(b"#!",),
    small=("/etc/", "/service/"),
    small_programs=True,  # a script without a first line that names its interpreter
)
