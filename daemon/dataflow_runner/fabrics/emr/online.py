"""Asking AWS whether what a spec names is there, before money is spent on finding out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dataflow_runner.fabrics.emr.questions import Question, questions_about
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession
from dataflow_runner.fabrics.emr.translate import code_of, describe, translate_read
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig


class Certainty(StrEnum):
    """How sure a problem is."""

    MISSING = "missing"
    """AWS says that it isn't there."""
    UNCHECKED = "unchecked"
    """AWS didn't say: no permission to ask, or no answer. The cluster's own roles may well see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineProblem:
    """Something that a spec names and AWS didn't show."""

    pointer: str
    """JSON pointer in the spec's or playbook's 2-0-0 form: '/data/fabric/emr/logUri'."""
    message: str
    certainty: Certainty


async def check_online(config: ClusterConfig | None, playbook: PlaybookConfig | None) -> tuple[OnlineProblem, ...]:
    """Every problem, in the order of the files. Reads only.

    The cluster spec's account is asked; without a spec the playbook's. Raises InputError when there are no
    credentials or no region, and Unavailable or Refused when they can't be had.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if config is not None:
        session = AwsSession(AwsIdentity.of_cluster(config))
    elif playbook is not None:
        session = AwsSession(AwsIdentity.of_playbook(playbook))
    else:
        return ()
    try:
        try:
            await session.freshen()
        except (BotoCoreError, ClientError) as error:
            raise translate_read(error, "the connection to AWS") from error
        answers = [await _ask(session, question) for question in questions_about(config, playbook)]
    finally:
        await session.close()
    return tuple(problem for problem in answers if problem is not None)


async def _ask(session: AwsSession, question: Question) -> OnlineProblem | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = await session.reader(question.service)
        await client.call(question.operation, question.parameters)
    except (BotoCoreError, ClientError) as error:
        if code_of(error) in question.absent:
            message = f"{question.what} doesn't exist"
            return OnlineProblem(pointer=question.pointer, message=message, certainty=Certainty.MISSING)
        why = describe(error, question.operation)
        message = f"{question.what} could not be checked: {why}"
        return OnlineProblem(pointer=question.pointer, message=message, certainty=Certainty.UNCHECKED)
    return None
