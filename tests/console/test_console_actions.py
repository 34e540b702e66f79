"""What the console's buttons do: signing gates, resuming runs; and the people who press them."""

import pytest
from django.contrib.auth import get_user_model
from estate import person
from procrastinate.contrib.django.models import ProcrastinateJob

from crossbill.console import operations
from crossbill.replacement import tasks
from crossbill.replacement.migration.models import Wave
from crossbill.replacement.reconciliation.models import Gate
from crossbill.runs.models import Run
from crossbill.runs.operations import InputsChanged

PASSWORD = "seven-green-crossbills"


def gate(position: int) -> Gate:
    return Gate.objects.get(wave__position=position)


def said(answer) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


class TestSigning:
    def sign(self, client, position):
        return client.post(f"/gates/{gate(position).id}/sign/", follow=True)

    def test_a_signature_is_bound_to_the_evidence(self, replacement, signed_in):
        answer = self.sign(signed_in("approver", name="ann"), 2)
        signature = gate(2).signatures.get()
        assert "You signed the gate" in said(answer)
        assert signature.user.get_username() == "ann"
        assert signature.evidence_sha256 == gate(2).evidence_sha256

    def test_the_second_person_sets_the_wave_live(self, replacement, signed_in):
        self.sign(signed_in("approver", name="ann"), 2)
        assert Wave.objects.get(position=2).live_at is None
        self.sign(signed_in("approver", name="bob"), 2)
        assert Wave.objects.get(position=2).live_at is not None

    def test_nobody_signs_twice(self, replacement, signed_in):
        client = signed_in("approver", name="ann")
        self.sign(client, 2)
        assert "signed this gate already" in said(self.sign(client, 2))
        assert gate(2).signatures.count() == 1

    def test_a_refused_gate_is_not_signed(self, replacement, signed_in):
        assert "refused" in said(self.sign(signed_in("approver"), 3))
        assert gate(3).signatures.count() == 0


class TestResuming:
    def resume(self, client):
        return client.post(f"/runs/{Run.objects.get().id}/resume/", follow=True)

    def test_hands_one_job_to_the_workers(self, replacement, signed_in):
        client = signed_in("operator")
        assert "as soon as a worker is free" in said(self.resume(client))
        assert "waiting for a worker already" in said(self.resume(client))
        job = ProcrastinateJob.objects.get()
        assert job.task_name == "crossbill.resume_replacement"
        assert job.args == {"replacement_id": replacement.id}

    def test_a_refusal_of_the_job_stands_on_the_page(self, replacement, signed_in, monkeypatch):
        def refuse(**given):
            raise InputsChanged("The run began with other inputs", cure="give back the old ones")

        monkeypatch.setattr(tasks.operations, "resume", refuse)
        with pytest.raises(InputsChanged):
            tasks.resume_replacement(replacement_id=replacement.id)
        page = signed_in("viewer").get(f"/runs/{Run.objects.get().id}/").content.decode()
        assert "Last said: Not resumed: The run began with other inputs" in page
        assert "What to do: give back the old ones" in page

    def test_a_finished_run_is_left_alone(self, replacement, signed_in):
        Run.objects.update(status="done", finished_at="2024-06-02T03:00:00Z")
        assert "has not stopped" in said(self.resume(signed_in("operator")))
        assert not ProcrastinateJob.objects.exists()


@pytest.mark.django_db
class TestPeople:
    def test_a_role_opens_the_pages(self, client):
        operations.add_user(name="ann", password=PASSWORD, roles=["viewer"])
        assert client.login(username="ann", password=PASSWORD)
        assert client.get("/runs/").status_code == 200

    def test_a_disabled_person_stays_out(self, client):
        operations.add_user(name="ann", password=PASSWORD, roles=["viewer"])
        client.login(username="ann", password=PASSWORD)
        operations.disable_user(name="ann")
        assert client.get("/runs/").status_code == 302
        assert not client.login(username="ann", password=PASSWORD)

    def test_another_password_ends_the_sessions(self, client):
        operations.add_user(name="ann", password=PASSWORD, roles=["viewer"])
        client.login(username="ann", password=PASSWORD)
        operations.change_password(name="ann", password=PASSWORD + "!")
        assert client.get("/runs/").status_code == 302

    @pytest.mark.parametrize(
        ("facts", "refusal"),
        [
            ({"name": "ann", "roles": ["king"]}, operations.NoSuchRole),
            ({"name": "a b", "roles": ["viewer"]}, operations.BadUserName),
            ({"name": "", "roles": ["viewer"]}, operations.BadUserName),
            ({"name": "ann", "password": "12345678", "roles": []}, operations.WeakPassword),
            ({"name": "taken", "roles": ["viewer"]}, operations.UserExists),
        ],
    )
    def test_refusals_leave_nothing_behind(self, facts, refusal):
        person("taken")
        with pytest.raises(refusal):
            operations.add_user(**({"password": PASSWORD} | facts))
        assert list(get_user_model().objects.values_list("username", flat=True)) == ["taken"]

    @pytest.mark.parametrize("act", [operations.disable_user, operations.change_password])
    def test_somebody_unknown_is_refused(self, act):
        with pytest.raises(operations.NoSuchUser):
            act(
                **{"name": "nobody"} | ({} if act is operations.disable_user else {"password": "x"})
            )

    def test_the_demo_login_is_new_at_each_start(self, client):
        first, names = operations.open_demo_login()
        second, _ = operations.open_demo_login()
        assert names == ["demo"]
        assert not client.login(username="demo", password=first)
        assert client.login(username="demo", password=second)
        assert client.get("/").status_code == 200

    def test_the_sample_users_sign(self):
        person("migration.lead")
        person("billing.manager")
        operations.open_demo_login()
        for name in operations.SAMPLE_USERS:
            user = get_user_model().objects.get(username=name)
            assert user.has_perm("reconciliation.sign_gate")

    @pytest.mark.parametrize(
        ("role", "resumes", "signs"),
        [("viewer", False, False), ("operator", True, False), ("approver", False, True)],
    )
    def test_each_role_may_its_own(self, role, resumes, signs):
        user = person("ann", role)
        assert user.has_perm("runs.resume_run") is resumes
        assert user.has_perm("reconciliation.sign_gate") is signs
        assert user.has_perm("migration.view_wave")
        assert not user.has_perm("migration.change_wave")
