"""Asking AWS about a spec, and reading secrets, against a local stand-in for it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fabrics import samples
from tests.fabrics.wire import CannedEmr, Failure

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.emr.online import Certainty, check_online
from dataflow_runner.fabrics.emr.questions import questions_about
from dataflow_runner.fabrics.emr.secrets import SecretsManagerSecrets
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession
from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs import model as m

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def account(aws: str) -> dict[str, str]:
    """An account where everything is there that `spec` names; the ids of what got one."""
    import botocore.session

    session = botocore.session.Session()
    session.set_credentials("AKID", "hush-hush")

    def client(service: str) -> Any:
        return session.create_client(service, region_name="eu-central-1", endpoint_url=aws)

    client("s3").create_bucket(Bucket="there", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client("s3").put_object(Bucket="there", Key="x.jar", Body=b"")
    client("iam").create_role(RoleName="service", AssumeRolePolicyDocument="{}")
    client("iam").create_instance_profile(InstanceProfileName="profile")
    client("ec2").create_key_pair(KeyName="ops")
    client("emr").create_security_configuration(Name="at-rest", SecurityConfiguration="{}")
    client("secretsmanager").create_secret(Name="text", SecretString="hush-hush")
    client("secretsmanager").create_secret(Name="bytes", SecretBinary=b"\x00")
    ec2 = client("ec2")
    return {
        "subnet": ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        "group": ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"],
        "image": ec2.describe_images()["Images"][0]["ImageId"],
    }


def spec(account: dict[str, str]) -> m.ClusterConfig:
    return samples.config(
        log_uri="s3n://there/logs/",
        roles=m.Roles(jobflow="arn:aws:iam::123456789012:instance-profile/path/profile", service="service"),
        network=m.Network(
            subnet_ids=(account["subnet"],), key_name="ops", security_groups=m.SecurityGroups(master=account["group"])
        ),
        custom_ami_id=account["image"],
        security_configuration="at-rest",
        bootstrap_actions=(m.BootstrapAction(name="b", path="s3://there/x.jar"),),
    )


def playbook(bucket: str = "there", key: str = "x.jar") -> m.PlaybookConfig:
    steps = (m.Step(name="a", jar=f"s3://{bucket}/{key}"), m.Step(name="b", jar="command-runner.jar"))
    check = m.Precondition(check=m.Check.S3_EMPTY, place=f"s3://{bucket}/in/")
    return m.PlaybookConfig(steps=steps, preconditions=(check,))


@pytest.fixture(autouse=True)
def use_aws(aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)


async def test_a_spec_whose_everything_is_there_has_no_problem(account: dict[str, str]) -> None:
    assert await check_online(spec(account), playbook()) == ()


async def test_everything_that_is_missing_is_told_with_its_place(account: dict[str, str]) -> None:
    missing = {"subnet": "subnet-0badbad0", "group": "sg-0badbad0", "image": "ami-0badbad0"}
    assert account.keys() == missing.keys()
    config = samples.config(
        log_uri="s3://not-there/logs/",
        roles=m.Roles(jobflow="nobody", service="nobody", auto_scaling="nobody"),
        network=m.Network(
            subnet_ids=(missing["subnet"],),
            key_name="nobody",
            security_groups=m.SecurityGroups(additional_core=(missing["group"],)),
        ),
        instances=m.Groups(master=m.Group(type="m5.xlarge", custom_ami_id=missing["image"])),
        security_configuration="nothing",
        bootstrap_actions=(m.BootstrapAction(name="b", path="s3://there/no.sh"),),
    )
    problems = await check_online(config, playbook("not-there"))
    assert {problem.certainty for problem in problems} == {Certainty.MISSING}
    assert [problem.pointer for problem in problems] == [
        "/data/fabric/emr/logUri",
        "/data/fabric/emr/roles/jobflow",
        "/data/fabric/emr/roles/service",
        "/data/fabric/emr/roles/autoScaling",
        "/data/fabric/emr/network/subnetIds/0",
        "/data/fabric/emr/network/keyName",
        "/data/fabric/emr/network/securityGroups/additionalCore/0",
        "/data/fabric/emr/instances/groups/master/customAmiId",
        "/data/fabric/emr/securityConfiguration",
        "/data/fabric/emr/bootstrapActions/0/path",
        "/data/preconditions/0/place",
        "/data/steps/0/jar",
    ]
    assert problems[-1].message == "the jar 's3://not-there/x.jar' doesn't exist"


async def test_a_denied_permission_is_unchecked_and_not_missing(
    canned: CannedEmr, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canned.reply("DescribeSecurityConfiguration", Failure("AccessDeniedException", "not authorized to perform"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    monkeypatch.setenv("AWS_ENDPOINT_URL_EMR", canned.url)
    config = samples.config(security_configuration="at-rest")
    problems = await check_online(config, None)
    [problem] = [problem for problem in problems if problem.pointer.endswith("/securityConfiguration")]
    assert problem.certainty is Certainty.UNCHECKED
    assert "could not be checked: DescribeSecurityConfiguration: AccessDeniedException" in problem.message


async def test_a_playbook_alone_is_asked_about_with_its_own_identity(account: dict[str, str]) -> None:
    assert account
    with pytest.raises(InputError, match="names no region"):
        await check_online(None, playbook())
    static = m.Credentials(access_key_id="AKID", secret_access_key=Secret("hush-hush"))
    alone = m.PlaybookConfig(steps=playbook("there", "no.jar").steps, region="eu-central-1", credentials=static)
    [problem] = await check_online(None, alone)
    assert (problem.pointer, problem.certainty) == ("/data/steps/0/jar", Certainty.MISSING)
    assert await check_online(None, None) == ()


def test_fleets_are_asked_about_too() -> None:
    config = samples.with_fleets().config
    pointers = [question.pointer for question in questions_about(config, None)]
    assert "/data/fabric/emr/instances/fleets/core/types/1/customAmiId" in pointers
    assert "/data/fabric/emr/network/securityGroups/additionalMaster/1" in pointers


@pytest.fixture
def secrets() -> SecretsManagerSecrets:
    return SecretsManagerSecrets(AwsSession(AwsIdentity.of_cluster(samples.config())))


async def test_a_secret_is_read_by_name_and_doesnt_print(
    secrets: SecretsManagerSecrets, account: dict[str, str]
) -> None:
    assert account
    secret = await secrets.read_secret("text")
    assert secret.reveal() == "hush-hush"
    assert "hush" not in repr(secret)
    await secrets.close()


@pytest.mark.parametrize(("name", "why"), [("nobody", "ResourceNotFoundException"), ("bytes", "holds bytes, not text")])
async def test_a_secret_that_cant_be_used_says_why(
    secrets: SecretsManagerSecrets, account: dict[str, str], name: str, why: str
) -> None:
    assert account
    with pytest.raises(InputError, match=f"(?s)the secret '{name}' .*{why}"):
        await secrets.read_secret(name)
    await secrets.close()
