"""The command ``emr-emulator``."""

from pathlib import Path

import click


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--port", type=click.IntRange(0, 65535), default=4566, show_default=True, help="0 picks a free one.")
@click.option("--listen", metavar="ADDR", default="127.0.0.1", show_default=True, help="Elsewhere needs --token.")
@click.option("--token", envvar="EMR_EMULATOR_TOKEN", metavar="T", help="Clients send it as their access key id.")
@click.option("--simulate", is_flag=True, help="Run nothing; take durations and outcomes from the scenario.")
@click.option("--scenario", type=click.Path(path_type=Path), metavar="FILE", help="Durations and outcomes (YAML).")
@click.option("--speed", type=float, metavar="X", default=1.0, show_default=True, help="Divides simulated durations.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Keep clusters here over a restart.")
@click.option("--faults", type=click.Path(path_type=Path), metavar="FILE", help="What goes wrong (YAML).")
@click.option("--log-lag", type=click.FloatRange(0), metavar="S", default=0.0, help="Seconds until logs are at LogUri.")
@click.option("--seed", type=int, metavar="N", help="Repeat ids, draws and chances.")
@click.option("--quotas", is_flag=True, help="Throttle at AWS's default request quotas.")
@click.option("--until-stdin-closes", is_flag=True, hidden=True, help="Stop when standard input ends.")
def main(
    scenario: Path | None, faults: Path | None, seed: int | None, *, until_stdin_closes: bool, **options: object
) -> None:
    """Serve the EMR API, and the rest of AWS that a playbook needs, on this machine.

    Point any AWS client at it with AWS_ENDPOINT_URL=http://127.0.0.1:4566. One line on standard output tells the
    endpoint once it is ready. Stop it with Ctrl-C; nothing is left behind.
    """
    # Everything heavy is imported here, so that --help is quick.
    from emr_emulator.compose import Settings, SettingsError
    from emr_emulator.documents import DocumentError
    from emr_emulator.faults import read_faults
    from emr_emulator.run import run
    from emr_emulator.scenario import read_scenario
    from emr_emulator.state import StateError

    try:
        settings = Settings(
            scenario=read_scenario(scenario, simulate=bool(options["simulate"]), seed=seed),
            faults=() if faults is None else read_faults(faults),
            seed=seed,
            **options,  # type: ignore[arg-type]  # click has checked each by its option above
        )
        run(settings, until_stdin_closes=until_stdin_closes)
    except (SettingsError, DocumentError) as error:
        raise click.UsageError(str(error)) from error
    except StateError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {options['listen']} port {options['port']}: {error}") from error
