"""Containers of bytes, each read by one reader: tar, ar, cpio, compression, the RPM header. None writes a file."""

REMEDY = "it was cut or altered; get or build it again"
