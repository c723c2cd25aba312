"""Passwords, links, and what a browser carries: what lets whom in, for how long, and what the disk holds of it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import LikenessError
from studio.access.keys import STAY, Keys

DAY = 24 * 3600.0


class Clock:
    """Seconds since 1970, as the test sets them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(tmp_path: Path, clock: Clock) -> Keys:
    return Keys(tmp_path, clock)


def test_a_made_password_is_the_password_and_nothing_else_is(keys: Keys) -> None:
    assert not keys.has_password
    assert not keys.is_password("")
    password = keys.make_password()
    assert keys.is_password(password)
    assert not keys.is_password(password + " ")
    assert not keys.is_password(password.upper())
    assert not keys.is_password("")


def test_made_passwords_differ(keys: Keys) -> None:
    assert len({keys.make_password() for _ in range(3)}) == 3


def test_the_disk_holds_no_password_and_no_token_and_nobody_else_may_read_it(keys: Keys, tmp_path: Path) -> None:
    password = keys.make_password()
    _, token = keys.make_link("Ann", "editor", DAY)
    file = tmp_path / "access.json"
    text = file.read_text()
    assert password not in text
    assert token not in text
    assert "$argon2id$" in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["access.json"], "nothing half-written stays"


def test_everything_survives_a_restart(keys: Keys, tmp_path: Path, clock: Clock) -> None:
    password = keys.make_password()
    link, token = keys.make_link("Ann", "editor", DAY)
    carried = keys.sign_in(), keys.sign_in(link)
    again = Keys(tmp_path, clock)
    assert again.is_password(password)
    found = again.link_of(token)
    assert found is not None
    assert found.name == "Ann"
    assert [visitor.role for one in carried if (visitor := again.visitor(one))] == ["owner", "editor"]


def test_a_short_password_is_refused_and_the_same_one_signs_nobody_out(keys: Keys) -> None:
    with pytest.raises(LikenessError, match=r"ACCESS\.SHORT_PASSWORD"):
        keys.take_password("7 signs")
    keys.take_password("correct horse")
    carried = keys.sign_in()
    keys.take_password("correct horse")
    assert keys.visitor(carried) is not None
    keys.take_password("another horse")
    assert keys.visitor(carried) is None
    assert not keys.is_password("correct horse")


def test_the_owner_stays_for_a_month(keys: Keys, clock: Clock) -> None:
    keys.make_password()
    carried = keys.sign_in()
    clock.now += STAY - 1
    assert keys.visitor(carried) is not None
    clock.now += 2
    assert keys.visitor(carried) is None


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_a_guest_is_what_the_link_says_until_it_expires(keys: Keys, clock: Clock, role: str) -> None:
    link, token = keys.make_link("Ann", role, DAY)  # type: ignore[arg-type]
    carried = keys.sign_in(link)
    visitor = keys.visitor(carried)
    assert visitor is not None
    assert (visitor.role, visitor.name, visitor.link, visitor.owner) == (role, "Ann", link.id, False)
    clock.now += DAY - 1
    assert keys.visitor(carried) is not None
    clock.now += 1
    assert keys.visitor(carried) is None
    assert keys.links() == ()
    found = keys.link_of(token)
    assert found is not None, "that it expired can be told from that there never was one"


def test_a_revoked_link_ends_its_guests_and_no_others(keys: Keys) -> None:
    first, token = keys.make_link("Ann", "editor", DAY)
    second, _ = keys.make_link("Bob", "viewer", DAY)
    ann, bob = keys.sign_in(first), keys.sign_in(second)
    revoked = keys.revoke(first.id)
    assert revoked == first
    assert keys.visitor(ann) is None
    assert keys.visitor(bob) is not None
    assert keys.link_of(token) is None
    assert keys.revoke(first.id) is None


def test_a_guest_survives_a_new_password_and_the_owner_does_not(keys: Keys) -> None:
    keys.make_password()
    link, _ = keys.make_link("Ann", "editor", DAY)
    owner, guest = keys.sign_in(), keys.sign_in(link)
    keys.make_password()
    assert keys.visitor(owner) is None
    assert keys.visitor(guest) is not None


def test_two_guests_with_one_link_are_two(keys: Keys) -> None:
    link, _ = keys.make_link("Ann", "editor", DAY)
    one, other = keys.visitor(keys.sign_in(link)), keys.visitor(keys.sign_in(link))
    assert one is not None
    assert other is not None
    assert one.id != other.id
    assert not one.may_use(other)


def test_what_was_signed_in_the_future_counts_for_nothing(keys: Keys, clock: Clock) -> None:
    clock.now += 3600
    carried = keys.sign_in()
    clock.now -= 3600
    assert keys.visitor(carried) is None


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=200))
def test_nothing_made_up_lets_anybody_in(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    keys = Keys(tmp_path_factory.mktemp("keys"))
    assert keys.visitor(text) is None


def test_a_changed_letter_lets_nobody_in(keys: Keys) -> None:
    link, token = keys.make_link("Ann", "viewer", DAY)
    carried = keys.sign_in(link)
    for place in range(len(carried)):
        other = "A" if carried[place] != "A" else "B"
        visitor = keys.visitor(carried[:place] + other + carried[place + 1:])
        # The last sign of a Base64 text holds bits that count for nothing.
        assert visitor is None or place == len(carried) - 1
    assert keys.link_of(token[:-1]) is None


def test_another_folder_s_signature_counts_for_nothing(keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = Keys(tmp_path_factory.mktemp("other"))
    assert keys.visitor(other.sign_in()) is None


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text("{")
    with pytest.raises(LikenessError, match=r"ACCESS\.STORE.*access\.json.*Delete it"):
        Keys(tmp_path)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "here")
    (tmp_path / "here").write_text("a file where the folder should be")
    with pytest.raises(LikenessError, match=r"ACCESS\.STORE"):
        keys.make_password()
    assert not keys.has_password


def test_old_links_are_swept_out_of_the_file(keys: Keys, tmp_path: Path, clock: Clock) -> None:
    keys.make_link("Ann", "viewer", DAY)
    clock.now += 32 * DAY
    keys.make_link("Bob", "viewer", DAY)
    assert [link["name"] for link in json.loads((tmp_path / "access.json").read_text())["links"]] == ["Bob"]
