"""What sort of image some bytes are: one of those that every browser shows, and all of it."""

from __future__ import annotations

from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"


class NotAnImage(ValueError):  # noqa: N818 - it is told to a person
    """Why it can't be shown, in a few words."""


def kind_of(data: bytes) -> str:
    """How the names of such files end: .png, .jpg, .gif, .webp or .svg. Raises NotAnImage."""
    for suffix, is_one, is_whole in (
        (".png", data.startswith(b"\x89PNG\r\n\x1a\n"), b"IEND" in data[-64:]),
        (".jpg", data.startswith(b"\xff\xd8\xff"), b"\xff\xd9" in data[-1024:]),
        (".gif", data.startswith((b"GIF87a", b"GIF89a")), b";" in data[-64:]),
        (".webp", data[:4] == b"RIFF" and data[8:12] == b"WEBP", len(data) >= int.from_bytes(data[4:8], "little") + 8),
    ):
        if is_one:
            if not is_whole:
                raise NotAnImage("its end is missing")
            return suffix
    if b"<svg" in data:
        _refuse_unfit_svg(data)
        return ".svg"
    raise NotAnImage("it is no PNG, JPEG, GIF, WebP or SVG")


def _refuse_unfit_svg(data: bytes) -> None:
    """Refuse what no browser shows, and what is a program: opened by itself, it would run as a part of the site."""
    if b"<!ENTITY" in data:
        raise NotAnImage("it is an SVG with entities of its own")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - no entities, see above
    except ElementTree.ParseError as error:
        raise NotAnImage(f"it is an SVG that can't be read: {error}") from None
    if root.tag != f"{_SVG}svg":
        raise NotAnImage('it is an SVG without xmlns="http://www.w3.org/2000/svg"')
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2].lower()
        links = [value.strip().lower() for key, value in element.attrib.items() if key.rpartition("}")[2] == "href"]
        if (
            name in {"script", "foreignobject"}
            or any(key.lower().startswith("on") for key in element.attrib)
            or any(link.startswith("javascript:") for link in links)
        ):
            raise NotAnImage("it is an SVG with a script in it")
