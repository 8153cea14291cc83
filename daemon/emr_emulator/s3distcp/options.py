"""The command line of s3-dist-cp, parsed into one value.

Options are written `--name value` or `--name=value`; a switch may carry `true` or `false`. Names, defaults and limits
are those of Amazon's "S3DistCp (s3-dist-cp)" reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from emr_emulator.locations import Location, LocationError, Scheme, parse_location


class OptionError(Exception):
    """The command line is wrong; the text names the option and what was expected."""


class Codec(StrEnum):
    """What compression the outputs get."""

    KEEP = "keep"  # as the inputs have it; the default
    NONE = "none"  # uncompressed
    GZIP = "gz"  # also written gzip
    LZO = "lzo"  # known, but refused when bytes have to be written in it
    SNAPPY = "snappy"  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One run of s3-dist-cp; sizes are in bytes."""

    src: Location
    dest: Location
    src_pattern: str | None = None
    group_by: str | None = None
    target_size: int | None = None
    append_to_last_file: bool = False
    codec: Codec = Codec.KEEP
    encrypted: bool = False
    delete_on_success: bool = False
    multipart: bool = True
    part_size: int = 16 * 1024 * 1024
    number_files: bool = False
    starting_index: int = 0
    output_manifest: str | None = None
    previous_manifest: Location | None = None
    require_previous_manifest: bool = True
    copy_from_manifest: bool = False
    storage_class: str | None = None
    src_prefixes_file: Location | None = None
    ignored: tuple[str, ...] = ()


VALUED = {
    "--src": "LOCATION      copy the files below this place (required)",
    "--dest": "LOCATION      to here (required)",
    "--srcPattern": "REGEX         only files whose whole URI matches",
    "--groupBy": "REGEX         join files whose groups capture the same text",
    "--targetSize": "MIB           close a joined file when it has reached this size",
    "--outputCodec": "CODEC         gzip, gz, lzo, snappy, none or keep",
    "--multipartUploadChunkSize": "MIB           size of the parts of an upload (5 to 5120; 16)",
    "--startingIndex": "N             first number for --numberFiles (0)",
    "--outputManifest": "NAME          write a gzipped list of the copied files into --dest",
    "--previousManifest": "LOCATION      leave out what this list names",
    "--s3Endpoint": "ENDPOINT      accepted; the emulator's own endpoint is used",
    "--storageClass": "CLASS         storage class of the copies on S3",
    "--srcPrefixesFile": "LOCATION      list these prefixes instead of --src, one in a line",
    "--tmpDir": "LOCATION      accepted; copies are staged beside their target",
    "--filesPerMapper": "N             accepted; there are no mappers here",
}
SWITCHES = {
    "--appendToLastFile": "append to files that a group has already (not on S3)",
    "--s3ServerSideEncryption": "store the copies with server-side encryption",
    "--deleteOnSuccess": "delete the sources when every copy is made",
    "--disableMultipartUpload": "send every object in one piece",
    "--numberFiles": "put sequential numbers before the names",
    "--requirePreviousManifest": "=false: a missing --previousManifest is no error",
    "--copyFromManifest": "copy what --previousManifest names",
    "--help": "print this text",
}
_MEBIBYTE = 1024 * 1024
_IGNORED = ("--s3Endpoint", "--tmpDir", "--filesPerMapper")
_CODECS = {codec.value: codec for codec in Codec} | {"gzip": Codec.GZIP, "lzop": Codec.LZO}
_STORAGE_CLASSES = (
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "GLACIER_IR",
    "DEEP_ARCHIVE",
)


def help_text() -> str:
    """Describe every option, a line each."""
    lines = ["usage: s3-dist-cp --src LOCATION --dest LOCATION [OPTION…]", ""]
    lines += [f"  {name:<27} {text}" for name, text in VALUED.items()]
    lines += [f"  {name:<27} {text}" for name, text in SWITCHES.items()]
    return "\n".join(lines)


def parse_options(arguments: Sequence[str]) -> Options | None:
    """Parse a command line; None asks for the help text. Raises OptionError at the first mistake."""
    given = _Given(arguments)
    if given.switch("--help"):
        return None
    options = Options(
        src=given.required_place("--src"),
        dest=given.required_place("--dest"),
        src_pattern=given.text("--srcPattern"),
        group_by=given.text("--groupBy"),
        target_size=given.mebibytes("--targetSize", least=1),
        append_to_last_file=given.switch("--appendToLastFile"),
        codec=_codec(given.text("--outputCodec") or "keep"),
        encrypted=given.switch("--s3ServerSideEncryption"),
        delete_on_success=given.switch("--deleteOnSuccess"),
        multipart=not given.switch("--disableMultipartUpload"),
        # S3 takes parts of 5 MiB to 5 GiB; 16 MiB is S3DistCp's default.
        part_size=given.mebibytes("--multipartUploadChunkSize", least=5, most=5120) or 16 * _MEBIBYTE,
        number_files=given.switch("--numberFiles"),
        starting_index=given.number("--startingIndex") or 0,
        output_manifest=given.text("--outputManifest"),
        previous_manifest=given.place("--previousManifest"),
        require_previous_manifest=given.switch("--requirePreviousManifest", default=True),
        copy_from_manifest=given.switch("--copyFromManifest"),
        storage_class=_storage_class(given.text("--storageClass")),
        src_prefixes_file=given.place("--srcPrefixesFile"),
        ignored=given.ignored(),
    )
    _check(options)
    return options


class _Given:
    """The options as they were written, and how to read a value of each kind."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._values = dict(_pairs(arguments))

    def text(self, name: str) -> str | None:
        return self._values.get(name)

    def ignored(self) -> tuple[str, ...]:
        return tuple(name for name in self._values if name in _IGNORED or name.startswith("-D"))

    def switch(self, name: str, *, default: bool = False) -> bool:
        value = self._values.get(name, str(default)).lower()
        if value not in {"true", "false"}:
            raise OptionError(f"{name}: {value!r} is neither true nor false")
        return value == "true"

    def number(self, name: str, *, least: int = 0, most: int | None = None) -> int | None:
        text = self._values.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit()):
            raise OptionError(f"{name}: {text!r} is not a whole number")
        if int(text) < least or (most is not None and int(text) > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            raise OptionError(f"{name}: {text} is out of bounds; expected {bounds}")
        return int(text)

    def mebibytes(self, name: str, *, least: int, most: int | None = None) -> int | None:
        number = self.number(name, least=least, most=most)
        return None if number is None else number * _MEBIBYTE

    def place(self, name: str) -> Location | None:
        text = self._values.get(name)
        try:
            # Hadoop's default file system on EMR is HDFS: that is where a path without a scheme is.
            return None if text is None else parse_location(text, bare=Scheme.HDFS)
        except LocationError as error:
            raise OptionError(f"{name}: {error}") from error

    def required_place(self, name: str) -> Location:
        place = self.place(name)
        if place is None:
            raise OptionError(f"{name} is required")
        if place.scheme is Scheme.S3 and "_" in place.authority:
            raise OptionError(f"{name}: bucket {place.authority!r} has an underscore, which S3DistCp does not support")
        return place


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "-D" or name.startswith("-D"):
            yield from _generic(name, rest)
        elif name in SWITCHES:
            if not equals:
                value = rest.pop(0) if rest and rest[0].lower() in {"true", "false"} else "true"
            yield name, value
        elif name in VALUED:
            if not equals:
                if not rest:
                    raise OptionError(f"{name} needs a value")
                value = rest.pop(0)
            yield name, value
        else:
            raise OptionError(f"unknown option {name!r}; --help lists what there is")


def _generic(name: str, rest: list[str]) -> Iterator[tuple[str, str]]:
    """Read Hadoop's generic `-D property=value`, which may be one argument or two."""
    if name == "-D":
        if not rest:
            raise OptionError("-D needs property=value")
        name = f"-D{rest.pop(0).partition('=')[0]}"
    yield name, ""


def _codec(text: str) -> Codec:
    codec = _CODECS.get(text.lower())
    if codec is None:
        raise OptionError(f"--outputCodec: unknown codec {text!r}; expected one of {', '.join(_CODECS)}")
    return codec


def _storage_class(text: str | None) -> str | None:
    if text is not None and text not in _STORAGE_CLASSES:
        raise OptionError(f"--storageClass: unknown class {text!r}; expected one of {', '.join(_STORAGE_CLASSES)}")
    return text


def _check(options: Options) -> None:
    if options.append_to_last_file and options.dest.scheme is Scheme.S3:
        raise OptionError("--appendToLastFile: S3 objects can't be appended to; use it with an HDFS --dest")
    if options.copy_from_manifest and options.previous_manifest is None:
        raise OptionError("--copyFromManifest needs --previousManifest, which names the files to copy")
    if options.codec in {Codec.LZO, Codec.SNAPPY}:
        raise OptionError(
            f"--outputCodec: no {options.codec} library is part of this emulator; use gz, none, or leave it out"
        )
