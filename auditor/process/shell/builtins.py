"""Names that tell what a command line does (POSIX XCU 2.14, 1.6; bash(1), SHELL BUILTIN COMMANDS; dash(1))."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


BUILTINS = _names("""
    . : [ alias bg bind break builtin caller cd chdir command compgen complete compopt continue declare dirs disown
    echo enable eval exec exit export false fc fg getopts hash help history jobs kill let local logout mapfile newgrp
    popd printf pushd pwd read readarray readonly return set shift shopt source suspend test times trap true type
    typeset ulimit umask unalias unset wait
""")
"""Started by nobody: the shell has them, whatever PATH holds."""

INSPECTORS = _names("""
    : [ basename cat chgrp chmod chown cmp command diff dirname echo file find grep head hash id ldd ls md5sum mkdir
    mountpoint pgrep pidof pkill printf ps readlink realpath rm rmdir sed sha256sum sleep sort stat tail test tr type
    uname wc whereis which
""")
"""Programs and builtins that name a file without making it."""

PERMISSION_CHANGERS = _names("chmod install setfacl")

UNPACKERS = _names("cp mv ln install tar unzip cpio rsync curl wget git mount bsdtar 7z unsquashfs docker ctr oras")
"""Programs that fill the directory that they are given."""

PACKAGE_MANAGERS = _names("""
    apt apt-get aptitude dpkg apk dnf dnf5 microdnf yum rpm zypper pacman pip pip3 pipx uv npm yarn gem cargo go brew
""")
"""Programs that may bring any other."""
