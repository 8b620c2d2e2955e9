"""Control files in deb822(5) syntax, as dpkg's databases use it."""

from collections.abc import Container, Iterator


def paragraphs(text: str, wanted: Container[str]) -> Iterator[dict[str, str]]:
    """Each paragraph's fields among `wanted`, which are in lower case, as are the keys.

    A value keeps the lines after its first, each as written; a line that is no field is passed over. A field that
    comes twice keeps its first value (dpkg refuses such a file). A paragraph without any wanted field is left out.
    """
    for block in text.split("\n\n"):
        fields: dict[str, list[str]] = {}
        value: list[str] | None = None
        for line in block.split("\n"):
            if not line:
                continue
            if line[0] in " \t":
                if value is not None:
                    value.append(line)
                continue
            name, colon, rest = line.partition(":")
            key = name.lower()
            value = None
            if colon and key in wanted and key not in fields:
                value = fields[key] = [rest.strip()]
        if fields:
            yield {key: "\n".join(lines) for key, lines in fields.items()}
