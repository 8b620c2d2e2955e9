"""RPM's databases in the three shapes that images have: SQLite, NDB and Berkeley DB.

Whatever holds them, an entry is a header of the RPM file format (rpm.org, "RPM V4 Package format"), which `header`
reads; `sqlite`, `ndb` and `bdb` each take a file's bytes and yield its headers.
"""

from auditor.packages.rpm.database import KIND

__all__ = ["KIND"]
