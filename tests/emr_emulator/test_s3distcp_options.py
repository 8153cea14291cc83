"""The command line of s3-dist-cp."""

from __future__ import annotations

import subprocess
import sys

import pytest

from emr_emulator.s3distcp.options import SWITCHES, VALUED, Codec, OptionError, help_text, parse_options

_PLACES = ("--src", "s3://b/in", "--dest", "hdfs:///out")


def test_values_may_follow_a_blank_or_an_equals_sign() -> None:
    spaced = parse_options([*_PLACES, "--srcPattern", ".*a=b.*", "--targetSize", "24"])
    joined = parse_options(["--src=s3://b/in", "--dest=hdfs:///out", "--srcPattern=.*a=b.*", "--targetSize=24"])
    assert spaced == joined
    assert joined is not None
    assert joined.src_pattern == ".*a=b.*"
    assert joined.target_size == 24 * 1024 * 1024


def test_what_is_not_given_has_the_documented_default() -> None:
    options = parse_options(_PLACES)
    assert options is not None
    assert options.codec is Codec.KEEP
    assert options.part_size == 16 * 1024 * 1024
    assert options.starting_index == 0
    assert options.require_previous_manifest
    assert not any([options.delete_on_success, options.number_files, options.append_to_last_file])


@pytest.mark.parametrize("written", [["--numberFiles"], ["--numberFiles=true"], ["--numberFiles", "true"]])
def test_a_switch_may_carry_its_value(written: list[str]) -> None:
    options = parse_options([*_PLACES, *written, "--requirePreviousManifest=false"])
    assert options is not None
    assert options.number_files
    assert not options.require_previous_manifest


@pytest.mark.parametrize(("text", "codec"), [("gzip", Codec.GZIP), ("GZ", Codec.GZIP), ("none", Codec.NONE)])
def test_codecs_are_known_by_each_of_their_names(text: str, codec: Codec) -> None:
    options = parse_options([*_PLACES, "--outputCodec", text])
    assert options is not None
    assert options.codec is codec


def test_a_path_without_a_scheme_is_on_hdfs() -> None:
    options = parse_options(["--src", "/data/in", "--dest", "s3a://b/out"])
    assert options is not None
    assert str(options.src) == "hdfs:///data/in"


def test_options_without_an_effect_here_are_taken_and_told_of() -> None:
    generic = ["-D", "mapreduce.job.reduces=3", "-Dx=y", "--s3Endpoint", "s3.example.com", "--tmpDir=hdfs:///tmp"]
    options = parse_options([*_PLACES, *generic])
    assert options is not None
    assert options.ignored == ("-Dmapreduce.job.reduces", "-Dx", "--s3Endpoint", "--tmpDir")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--dest", "/out"], "--src is required"),
        (["--src", "/in"], "--dest is required"),
        ([*_PLACES, "--skipOverwrite"], "unknown option '--skipOverwrite'"),
        ([*_PLACES, "stray"], "unknown option 'stray'"),
        ([*_PLACES, "--groupBy"], "--groupBy needs a value"),
        ([*_PLACES, "--targetSize", "a few"], "--targetSize: 'a few' is not a whole number"),
        ([*_PLACES, "--targetSize", "0"], "--targetSize: 0 is out of bounds"),
        ([*_PLACES, "--multipartUploadChunkSize", "4"], "expected from 5 to 5120"),
        ([*_PLACES, "--outputCodec", "zip"], "unknown codec 'zip'"),
        ([*_PLACES, "--outputCodec", "lzo"], "no lzo library"),
        ([*_PLACES, "--storageClass", "COLD"], "unknown class 'COLD'"),
        ([*_PLACES, "--numberFiles=perhaps"], "'perhaps' is neither true nor false"),
        (["--src", "s3://my_bucket/in", "--dest", "/out"], "'my_bucket' has an underscore"),
        (["--src", "gs://b/in", "--dest", "/out"], "--src: 'gs://b/in': unknown scheme"),
        ([*_PLACES, "--copyFromManifest"], "--copyFromManifest needs --previousManifest"),
        (["--src", "/in", "--dest", "s3://b/out", "--appendToLastFile"], "S3 objects can't be appended to"),
        ([*_PLACES, "-D"], "-D needs property=value"),
    ],
)
def test_a_mistake_is_named_with_its_option(arguments: list[str], complaint: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_options(arguments)
    assert complaint in str(caught.value)


def test_the_help_names_every_option() -> None:
    assert parse_options(["--help"]) is None
    assert all(name in help_text() for name in (*VALUED, *SWITCHES))


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys; from emr_emulator.s3distcp.__main__ import main; assert main(['--help']) == 0; "
        "heavy = {'botocore', 'aiobotocore', 'aiohttp'} & set(sys.modules); assert not heavy, heavy"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "--srcPrefixesFile" in done.stdout
