"""The orgd under test, and the official client in front of it."""

import inspect
import json
import os
import pathlib
import re
import unittest
import urllib.request
import uuid

import cloudflare
import httpx

READY = json.loads(pathlib.Path(os.environ["ORGD_READY_FILE"]).read_text())
ORIGIN = READY["base_url"].removesuffix("/client/v4")

VERBS = {"get_api_list": "GET", "get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE"}

requested = set()  # "METHOD /path" of every request that a client has sent


def template(path):
    """A path of the SDK's source or of routes.txt with its parameters as {}."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def routes():
    """The routes of routes.txt, as "METHOD /path/{}"."""
    lines = (pathlib.Path(__file__).parent.parent / "routes.txt").read_text().splitlines()
    return {template(re.sub(r"\s+", " ", line.strip())) for line in lines if re.match("[A-Z]", line)}


def watch(request):
    path = request.url.path.removeprefix("/client/v4")
    requested.add(f"{request.method} {path}")


def client(**options):
    """The client with the token of the ready file, or with what options say.

    With _strict_response_validation the SDK refuses every answer that has not
    the types that it declares.
    """
    settings = {
        "base_url": READY["base_url"],
        "api_token": READY["token"],
        "max_retries": 0,
        "http_client": httpx.Client(event_hooks={"request": [watch]}, trust_env=False, timeout=60),
        "_strict_response_validation": True,
    }
    return cloudflare.Cloudflare(**{**settings, **options})


def own(method, path, body):
    """Calls /orgd/v1 as the administrator of the ready file."""
    request = urllib.request.Request(
        f"{ORIGIN}/orgd/v1{path}",
        method=method,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {READY['token']}", "Content-Type": "application/json"},
    )
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.load(answer)["result"]


def unique(name):
    return f"{name} {uuid.uuid4().hex[:8]}"


def new_user(first, last):
    """A new user and a client that signs in as it, with the key scheme."""
    email = f"{first}.{uuid.uuid4().hex[:8]}@example.com".lower()
    user = own("POST", "/users", {"email": email, "first_name": first, "last_name": last})
    return user, client(api_token=None, api_email=user["email"], api_key=user["api_key"])


def post(path, body):
    """POST to /client/v4 without the SDK, for what 4.3.1 has no methods for."""
    headers = {"Authorization": f"Bearer {READY['token']}"}
    answer = httpx.post(READY["base_url"] + path, json=body, headers=headers, trust_env=False)
    answer.raise_for_status()
    return answer.json()["result"]


def new_organization(name):
    return post("/organizations", {"name": name})


def new_member(organization, email):
    return post(f"/organizations/{organization}/members", {"member": {"user": {"email": email}, "status": "active"}})


def methods(resource, name, found):
    """The methods of the resource and of those below it: "METHOD /path/{}" of each."""
    for key in dir(type(resource)):
        if key.startswith(("_", "with_")):
            continue
        value = getattr(type(resource), key)
        if inspect.isfunction(value):
            call = re.search(r'self\._(\w+)\(\s*(?:path_template\(\s*)?f?"(/[^"]*)"', inspect.getsource(value))
            if call and call[1] in VERBS:
                found[f"{name}.{key}"] = f"{VERBS[call[1]]} {template(call[2])}"
        elif hasattr(getattr(resource, key), "_client"):
            methods(getattr(resource, key), f"{name}.{key}", found)
    return found


def served_methods():
    """The methods of the SDK for the routes of routes.txt."""
    c, served = client(), routes()
    found = {}
    for key in ("accounts", "memberships", "organizations", "user"):
        if hasattr(c, key):
            methods(getattr(c, key), key, found)
    return {name: route for name, route in found.items() if route in served}


def was_requested(route):
    pattern = re.compile(route.replace("{}", "[^/]+"))
    return any(pattern.fullmatch(request) for request in requested)


def needs(method):
    """Marks a test for a method that not every version of the SDK has."""

    def mark(test):
        test.needs = method
        return test

    return mark


def fitting(method, **arguments):
    """Those of the arguments that this version of the method has."""
    known = inspect.signature(method).parameters
    return {name: value for name, value in arguments.items() if name in known}


class Case(unittest.TestCase):
    maxDiff = None

    def refused(self, kind, code, message, call, *args, **kwargs):
        """The call raises the class of error that the SDK has for the status."""
        with self.assertRaises(kind) as caught:
            call(*args, **kwargs)
        first = caught.exception.errors[0]
        self.assertEqual((first.code, first.message), (code, message))
        return first
