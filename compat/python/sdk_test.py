"""The official Python client, unmodified, against a live orgd. See ../README.md."""

import datetime
import sys
import unittest

import cloudflare

import server
from server import READY, Case, client, fitting, needs, new_member, new_organization, new_user, own, unique

EVERYWHERE = {"com.cloudflare.api.organization.*": "*", "com.cloudflare.api.account.*": "*"}


def last_days():
    """A range for audit logs that has all of today, wherever the client is."""
    today = datetime.date.today()
    return {"since": today - datetime.timedelta(days=2), "before": today + datetime.timedelta(days=2)}


def policy(c, *names):
    """A policy that allows the named permission groups everywhere."""
    groups = {group.name: group.id for group in c.user.tokens.permission_groups.list()}
    return {"effect": "allow", "permission_groups": [{"id": groups[name]} for name in names], "resources": EVERYWHERE}


class Accounts(Case):
    def create(self, c, name, **more):
        return c.accounts.create(name=name, type="standard", **more)

    def update(self, c, account, name, **more):
        method = c.accounts.update
        return method(account_id=account.id, name=name, **fitting(method, id=account.id, type="standard"), **more)

    def test_life(self):
        c, team = client(), new_organization(unique("Python"))
        made = self.create(c, "Web shop", unit={"id": team["id"]})
        self.assertRegex(made.id, "^[0-9a-f]{32}$")
        self.assertEqual(made.name, "Web shop")
        age = datetime.datetime.now(datetime.timezone.utc) - made.created_on
        self.assertLess(abs(age), datetime.timedelta(minutes=5))

        got = c.accounts.get(account_id=made.id)
        self.assertEqual(got, made)
        self.assertEqual(got.to_dict()["managed_by"], {"parent_org_id": team["id"], "parent_org_name": team["name"]})

        changed = self.update(c, made, "Shop", settings={"enforce_twofactor": True})
        self.assertEqual((changed.name, changed.settings.enforce_twofactor), ("Shop", True))
        changed = self.update(c, made, "Web shop")
        self.assertIs(changed.settings.enforce_twofactor, True, "an update without settings keeps them")

        gone = c.accounts.delete(account_id=made.id)
        self.assertEqual(gone.id, made.id)
        self.refused(cloudflare.NotFoundError, 1003, "account not found", c.accounts.get, account_id=made.id)

    def test_pages(self):
        _, c = new_user("Pia", "Pages")
        names = [f"account {n}" for n in range(7)]
        ids = [self.create(c, name).id for name in names]
        self.assertEqual([a.name for a in c.accounts.list()], names)
        page = c.accounts.list(per_page=5)
        self.assertEqual(([a.id for a in page.result], page.result_info.page, page.result_info.per_page), (ids[:5], 1, 5))
        self.assertEqual([a.id for a in page.get_next_page().result], ids[5:])
        self.assertEqual([a.id for a in c.accounts.list(per_page=5, direction="desc")], ids[::-1])
        self.assertEqual([a.id for a in c.accounts.list(page=2, per_page=5)], ids[5:])
        self.assertEqual([a.id for a in c.accounts.list(page=1.0, per_page=5.0)], ids, "the SDK declares floats")
        self.assertEqual([a.id for a in c.accounts.list(name="account 3")], [ids[3]])
        self.assertEqual(list(c.accounts.list(name="no such account")), [])

    def test_audit(self):
        c, team = client(), new_organization(unique("Audited"))
        account = self.create(c, "one", unit={"id": team["id"]})
        for name in ("two", "three", "four"):
            self.update(c, account, name)
        range_ = last_days()
        records = list(c.accounts.logs.audit.list(account_id=account.id, limit=2, direction="asc", **range_))
        self.assertEqual([r.action.type for r in records], ["create", "update", "update", "update"])
        self.assertEqual(len({r.id for r in records}), 4)
        first = records[0]
        self.assertEqual((first.action.result, first.actor.email, first.actor.context), ("success", READY["email"], "api_token"))
        self.assertEqual((first.raw.method, first.raw.status_code), ("POST", 200))
        self.assertEqual((first.resource.id, first.account.id), (account.id, account.id))
        creations = c.accounts.logs.audit.list(account_id=account.id, action_type={"not": ["update", "delete"]}, **range_)
        self.assertEqual([r.id for r in creations], [first.id])

    @needs("accounts.logs.audit.history")
    def test_audit_history(self):
        c, team = client(), new_organization(unique("Audited"))
        account = self.create(c, "one", unit={"id": team["id"]})
        self.update(c, account, "two")
        audit, args = c.accounts.logs.audit, {"account_id": account.id, **last_days()}
        records = list(audit.list(direction="asc", **args))
        history = audit.history(records[0].id, action_time=records[0].action.time, direction="asc", **args)
        self.assertEqual([r.id for r in history], [r.id for r in records])

    @needs("accounts.logs.audit.product_categories")
    def test_audit_product_categories(self):
        found = client().accounts.logs.audit.product_categories(account_id=READY["account_id"])
        self.assertIn("accounts", [category.value for category in found])

    def test_token_verify(self):
        c, team = client(), new_organization(unique("Verified"))
        account = self.create(c, "one", unit={"id": team["id"]})
        token = c.user.tokens.create(name=unique("python"), policies=[policy(c, "Account Settings Read")])
        verified = client(api_token=token.value).accounts.tokens.verify(account_id=account.id)
        self.assertEqual((verified.id, verified.status), (token.id, "active"))

    def test_refusals(self):
        c = client()
        self.refused(cloudflare.NotFoundError, 1003, "account not found", c.accounts.get, account_id="no-such-account")
        first = self.refused(cloudflare.BadRequestError, 1001, "/name must have 1 to 100 characters", self.create, c, "")
        self.assertEqual(first.source.pointer, "/name")
        _, stranger = new_user("Stan", "Stranger")
        hidden = self.create(c, "hidden", unit={"id": READY["organization_id"]})
        self.refused(cloudflare.NotFoundError, 1003, "account not found", stranger.accounts.delete, account_id=hidden.id)


class User(Case):
    def test_get(self):
        me = client().user.get()
        self.assertEqual(me.to_dict()["email"], READY["email"])
        made, c = new_user("Ada", "Lovelace")
        ada = c.user.get()
        self.assertEqual((ada.id, ada.first_name, ada.last_name), (made["id"], "Ada", "Lovelace"))
        self.assertIs(ada.suspended, False)

    def given(self, count):
        """A user who was given accounts, and nothing else."""
        user, c = new_user("Gita", "Given")
        accounts = [client().accounts.create(name=f"given {n}", type="standard") for n in range(count)]
        for account in accounts:
            role = "account_super_administrator"
            own("POST", f"/accounts/{account.id}/members", {"email": user["email"], "role": role})
        return c, [account.id for account in accounts]

    def test_organizations(self):
        c, ids = self.given(6)
        found = list(c.user.organizations.list(per_page=5))
        self.assertEqual([o.id for o in found], ids)
        self.assertEqual({(o.status, tuple(o.roles)) for o in found}, {("member", ("account_super_administrator",))})
        self.assertEqual([o.id for o in c.user.organizations.list(order="name", direction="desc")], ids[::-1])
        self.assertEqual([o.id for o in c.user.organizations.list(name="given 3", status="invited", match="any")], [ids[3]])
        self.assertEqual(list(c.user.organizations.list(status="invited")), [])

    def test_memberships(self):
        c, ids = self.given(6)
        found = list(c.memberships.list(per_page=5))
        self.assertEqual([m.account.id for m in found], ids)
        self.assertEqual({m.status for m in found}, {"accepted"})
        self.assertIs(found[0].permissions.organization.write, True)
        self.assertEqual([m.account.id for m in c.memberships.list(account={"name": "given 2"})], [ids[2]])
        ordered = c.memberships.list(order="account.name", direction="desc", status="accepted")
        self.assertEqual([m.account.id for m in ordered], ids[::-1])
        self.assertEqual(list(c.memberships.list(status="pending")), [])

    @needs("user.tenants.list")
    def test_tenants(self):
        user, c = new_user("Tia", "Tenant")
        self.assertEqual(list(c.user.tenants.list()), [])
        team = new_organization(unique("Tenants"))
        new_member(team["id"], user["email"])
        self.assertEqual([o.id for o in c.user.tenants.list()], [team["id"]])


class Tokens(Case):
    def test_life(self):
        _, c = new_user("Tom", "Token")
        reads = policy(c, "Organizations Read", "Account Settings Read")
        expires = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(hours=1)
        condition = {"request_ip": {"in": ["127.0.0.0/8", "::1/128"], "not_in": ["10.0.0.0/8"]}}
        made = c.user.tokens.create(name="first", policies=[reads], condition=condition, expires_on=expires)
        self.assertRegex(made.value, "^orgd_[0-9A-Za-z_-]{43}$")
        self.assertEqual((made.status, made.expires_on), ("active", expires))
        self.assertEqual((made.condition.request_ip.in_, made.condition.request_ip.not_in), (["127.0.0.0/8", "::1/128"], ["10.0.0.0/8"]))

        got = c.user.tokens.get(made.id)
        self.assertEqual((got.name, "value" in got.to_dict()), ("first", False))
        self.assertEqual([g.name for g in got.policies[0].permission_groups], ["Organizations Read", "Account Settings Read"])
        self.assertEqual((got.policies[0].effect, got.policies[0].resources), ("allow", EVERYWHERE))

        with_token = client(api_token=made.value)
        verified = with_token.user.tokens.verify()
        self.assertEqual((verified.id, verified.status, verified.expires_on), (made.id, "active", expires))
        self.changes(c, made, reads)

    def changes(self, c, made, reads):
        invalid = (cloudflare.AuthenticationError, 9109, "Invalid API token")
        rolled = c.user.tokens.value.update(made.id, body={})
        self.assertRegex(rolled, "^orgd_[0-9A-Za-z_-]{43}$")
        self.refused(*invalid, client(api_token=made.value).user.tokens.verify)
        self.assertEqual(client(api_token=rolled).user.tokens.verify().id, made.id)

        changed = c.user.tokens.update(made.id, name="second", policies=[reads], status="disabled")
        self.assertEqual((changed.name, changed.status, changed.condition), ("second", "disabled", None))
        self.refused(*invalid, client(api_token=rolled).user.tokens.verify)

        self.assertEqual(c.user.tokens.delete(made.id).id, made.id)
        self.refused(cloudflare.NotFoundError, 1003, "token not found", c.user.tokens.get, made.id)

    def test_pages(self):
        _, c = new_user("Pat", "Pages")
        reads = policy(c, "Organizations Read")
        names = [f"token {n}" for n in range(6)]
        for name in names:
            c.user.tokens.create(name=name, policies=[reads])
        self.assertEqual([t.name for t in c.user.tokens.list(per_page=5)], names)
        self.assertEqual([t.name for t in c.user.tokens.list(direction="desc")], names[::-1])

    def test_permission_groups(self):
        groups = list(client().user.tokens.permission_groups.list())
        self.assertIn("Organizations Read", [g.name for g in groups])
        self.assertEqual(len({g.id for g in groups}), len(groups))

    def test_refusals(self):
        _, c = new_user("Rae", "Refused")
        reads = policy(c, "Organizations Read")
        bad = cloudflare.BadRequestError
        first = self.refused(bad, 1001, "/name must have 1 to 120 characters", c.user.tokens.create, name="", policies=[reads])
        self.assertEqual(first.source.pointer, "/name")
        narrow = client(api_token=c.user.tokens.create(name="narrow", policies=[reads]).value)
        denied = cloudflare.PermissionDeniedError
        self.refused(denied, 10000, "Forbidden: needs user.read", narrow.user.get)
        nobody = client(api_token="orgd_" + "x" * 43)
        self.refused(cloudflare.AuthenticationError, 9109, "Invalid API token", nobody.user.get)


PROFILE = {
    "business_address": "123 Test St",
    "business_email": "test@example.com",
    "business_name": "Test",
    "business_phone": "+1234567890",
    "external_metadata": '{"b": 1, "a": 2}',
}


class Organizations(Case):
    """client.organizations, which 4.3.1 does not have."""

    @needs("organizations.create")
    def test_life(self):
        c, root = client(), new_organization(unique("Root"))
        team = c.organizations.create(name="Team North", parent={"id": root["id"]}, profile=PROFILE)
        self.assertEqual((team.name, team.parent.id, team.parent.name), ("Team North", root["id"], root["name"]))
        self.assertEqual(c.organizations.get(team.id), team)
        renamed = c.organizations.update(team.id, name="Team South", parent={"id": root["id"]})
        self.assertEqual((renamed.id, renamed.name), (team.id, "Team South"))

        account = c.accounts.create(name="Web shop", type="standard", unit={"id": team.id})
        listed = c.get(f"/organizations/{team.id}/accounts", cast_to=object)
        self.assertEqual([a["id"] for a in listed["result"]], [account.id])
        not_empty = "The organization is not empty: it has 1 accounts"
        self.refused(cloudflare.BadRequestError, 1005, not_empty, c.organizations.delete, team.id)
        c.accounts.delete(account_id=account.id)
        self.assertEqual(c.organizations.delete(team.id).id, team.id)
        self.refused(cloudflare.NotFoundError, 1003, "organization not found", c.organizations.get, team.id)

    @needs("organizations.list")
    def test_list(self):
        c, root = client(), new_organization(unique("Root"))
        names = ["alpha", "beta", "gamma"]
        ids = [c.organizations.create(name=name, parent={"id": root["id"]}).id for name in names]
        inside = {"parent": {"id": root["id"]}}
        self.assertEqual([o.id for o in c.organizations.list(**inside)], ids)
        self.assertEqual([o.id for o in c.organizations.list(name={"contains": "AMM"}, **inside)], [ids[2]])
        self.assertEqual([o.id for o in c.organizations.list(name={"starts_with": "al"}, **inside)], [ids[0]])
        self.assertEqual([o.id for o in c.organizations.list(name={"ends_with": "ta"}, **inside)], [ids[1]])
        self.assertEqual([o.id for o in c.organizations.list(id=[ids[0], ids[2]])], [ids[0], ids[2]])
        self.assertEqual([o.id for o in c.organizations.list(containing={"organization": ids[1]})], [root["id"]])
        self.assertEqual([o.id for o in c.organizations.list(page_size=2, **inside)], ids[:2], "the SDK reads one page")
        self.assertIn(root["id"], [o.id for o in c.organizations.list(parent={"id": "null"}, page_size=1000)])

    @needs("organizations.organization_profile.update")
    def test_profile(self):
        c, root = client(), new_organization(unique("Root"))
        profile = c.organizations.organization_profile
        self.refused(cloudflare.NotFoundError, 1003, "profile not found", profile.get, root["id"])
        self.assertIsNone(profile.update(root["id"], **PROFILE))
        self.assertEqual(profile.get(root["id"]).to_dict(), PROFILE)

    @needs("organizations.logs.audit.list")
    def test_audit(self):
        c, root = client(), new_organization(unique("Root"))
        c.organizations.update(root["id"], name="renamed")
        records = list(c.organizations.logs.audit.list(root["id"], limit=1, direction="asc", **last_days()))
        self.assertEqual([r.action.type for r in records], ["create", "update"])
        self.assertEqual((records[0].actor.email, records[0].organization.id), (READY["email"], root["id"]))

    @needs("organizations.logs.audit.history")
    def test_audit_history(self):
        c, root = client(), new_organization(unique("Root"))
        c.organizations.update(root["id"], name="renamed")
        audit = c.organizations.logs.audit
        records = list(audit.list(root["id"], direction="asc", **last_days()))
        args = {"organization_id": root["id"], "action_time": records[0].action.time, **last_days()}
        history = audit.history(records[0].id, direction="asc", **args)
        self.assertEqual([r.id for r in history], [r.id for r in records])

    @needs("organizations.billing.usage.get")
    def test_usage(self):
        day = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=2)
        rows = client().organizations.billing.usage.get(READY["organization_id"], from_=day, to=day)
        self.assertGreater(len(rows), 0)
        self.assertEqual({row.charge_period_start.date() for row in rows}, {day})


class Coverage(Case):
    """Runs last."""

    def test_every_method(self):
        """Every method of the SDK for a route of routes.txt was called."""
        uncalled = [name for name, route in server.served_methods().items() if not server.was_requested(route)]
        self.assertEqual(uncalled, [])


def tests(case, found):
    """The tests of the case, without those for methods that this version of the SDK has not."""
    for name in unittest.defaultTestLoader.getTestCaseNames(case):
        method = getattr(getattr(case, name), "needs", None)
        if method is None or method in found:
            yield case(name)
        else:
            print(f"this version has no {method}")


def main():
    found = server.served_methods()
    print(f"cloudflare {cloudflare.__version__}: {len(found)} methods for the routes of orgd", flush=True)
    suite = unittest.TestSuite(t for case in (Accounts, User, Tokens, Organizations, Coverage) for t in tests(case, found))
    sys.exit(not unittest.TextTestRunner(verbosity=2, warnings="ignore").run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
