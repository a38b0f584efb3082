"""A small shop list: enough of a site to see every part of the stack at work.

    GET  /            the page for people
    GET  /items       the newest items, JSON
    POST /items       form field `name`: 201 and JSON with the new `id`
    GET  /items/<id>  one item, JSON, from a replica
    GET  /health      200 while a database answers, 503 when none does

Every answer says in X-App-Host which machine gave it, and the ones that read
say in X-Read-From which database server they asked. gunicorn starts it as `wsgi:load("/etc/app/app.ini")`; that file, which
only this service's user can read, is all its configuration.
"""

import configparser
import html
import json
import os
import re
import ssl
import string
import urllib.parse

from database import Databases, Unavailable

BODY_LIMIT_BYTES = 16 * 1024
NAME_LIMIT = 100
NEWEST = "SELECT id, name, added_by, created_at FROM items ORDER BY id DESC LIMIT 20"
ONE = "SELECT id, name, added_by, created_at FROM items WHERE id = %s"
ADD = "INSERT INTO items (name, added_by) VALUES (%s, %s)"
STATUS = {
    200: "200 OK",
    201: "201 Created",
    303: "303 See Other",
    400: "400 Bad Request",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    413: "413 Content Too Large",
    503: "503 Service Unavailable",
}


class Refused(Exception):
    """A request that gets no better answer than this status and text."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def item_json(row):
    number, name, added_by, created_at = row
    return {"id": number, "name": name, "added_by": added_by, "created_at": str(created_at)}


def wants_page(environ):
    return "text/html" in environ.get("HTTP_ACCEPT", "")


def form_name(environ):
    """The form's `name`, checked; raises Refused."""
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise Refused(400, "Content-Length is not a number") from None
    if length > BODY_LIMIT_BYTES:
        raise Refused(413, f"the form is larger than {BODY_LIMIT_BYTES} bytes")
    body = environ["wsgi.input"].read(length)
    try:
        fields = urllib.parse.parse_qs(body.decode(), strict_parsing=bool(body))
    except ValueError:
        raise Refused(400, "the body is not a form") from None
    name = fields.get("name", [""])[0].strip()
    if not name:
        raise Refused(400, "the field `name` is missing or empty")
    if len(name) > NAME_LIMIT:
        raise Refused(400, f"the field `name` is longer than {NAME_LIMIT} characters")
    return name


class Shop:
    """The WSGI application: a table of routes over the databases."""

    def __init__(self, host, title, databases, page):
        self.host = host
        self.title = title
        self.databases = databases
        self.page = string.Template(page)
        self.routes = (
            ("GET", re.compile(r"/"), self.front),
            ("GET", re.compile(r"/items"), self.newest),
            ("POST", re.compile(r"/items"), self.add),
            ("GET", re.compile(r"/items/(\d{1,18})"), self.one),
            ("GET", re.compile(r"/health"), self.health),
        )

    def __call__(self, environ, start_response):
        try:
            status, headers, body = self.answer(environ)
        except Refused as refused:
            status, headers, body = self.json(refused.status, {"error": str(refused)})
        except Unavailable as error:
            print(f"no database: {error}", file=environ["wsgi.errors"], flush=True)
            status, headers, body = self.json(503, {"error": "the database does not answer"})
            headers.append(("Retry-After", "1"))
        headers += [
            ("X-App-Host", self.host),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        start_response(STATUS[status], headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def answer(self, environ):
        method = environ["REQUEST_METHOD"].replace("HEAD", "GET")
        path = environ.get("PATH_INFO", "/")
        found = [(m, p.fullmatch(path), f) for m, p, f in self.routes if p.fullmatch(path)]
        if not found:
            raise Refused(404, "no such page")
        for wanted, match, handler in found:
            if wanted == method:
                return handler(environ, *match.groups())
        raise Refused(405, f"{environ['REQUEST_METHOD']} is not for this page")

    @staticmethod
    def json(status, value, headers=()):
        body = json.dumps(value, ensure_ascii=False).encode() + b"\n"
        return status, [("Content-Type", "application/json"), *headers], body

    def front(self, _environ):
        rows, server = self.databases.read(NEWEST)
        items = "\n".join(
            '<li><span class="name">{1}</span><span class="by">#{0} · written by {2} · {3} UTC</span></li>'.format(
                *(html.escape(str(value)) for value in row)
            )
            for row in rows
        )
        text = self.page.substitute(
            title=html.escape(self.title),
            host=html.escape(self.host),
            read_from=html.escape(server),
            primary=html.escape(self.databases.primary.address),
            items=items or '<li class="none">Nothing yet: add the first one.</li>',
        )
        policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
        headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", policy),
            ("X-Read-From", server),
        ]
        return 200, headers, text.encode()

    def newest(self, _environ):
        rows, server = self.databases.read(NEWEST)
        return self.json(200, [item_json(row) for row in rows], [("X-Read-From", server)])

    def add(self, environ):
        name = form_name(environ)
        number = self.databases.write(ADD, (name, self.host))
        if wants_page(environ):
            return 303, [("Location", "/")], b""
        answer = {"id": number, "name": name, "added_by": self.host}
        return self.json(201, answer, [("Location", f"/items/{number}")])

    def one(self, _environ, number):
        rows, server = self.databases.read(ONE, (int(number),))
        if not rows and server != self.databases.primary.address:
            # Just written, and the replica has not got it yet.
            try:
                rows, server = self.databases.read_primary(ONE, (int(number),))
            except Unavailable:
                pass
        if not rows:
            raise Refused(404, f"no item {number}")
        return self.json(200, item_json(rows[0]), [("X-Read-From", server)])

    def health(self, _environ):
        try:
            _, server = self.databases.read("SELECT 1 FROM items LIMIT 1")
        except Unavailable:  # asked twice a second: nothing for the log
            return self.json(503, {"status": "no database answers", "host": self.host})
        primary = "resting after a failure" if self.databases.primary.resting else "ok"
        return self.json(200, {"status": "ok", "host": self.host, "reads": server, "primary": primary})


def unverified_tls():
    """Encryption alone: the server's certificate is of its own making."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def load(path):
    """The WSGI application that the configuration file describes."""
    config = configparser.RawConfigParser()
    with open(path, encoding="utf-8") as file:
        config.read_file(file)
    database = config["database"]
    account = {key: database[key] for key in ("user", "password", "database")}
    timeouts = {
        "connect": database.getfloat("connect_timeout_s"),
        "read": database.getfloat("read_timeout_s"),
    }
    if database.getboolean("tls", fallback=False):
        account["ssl"] = unverified_tls()
    databases = Databases(database["primary"], database["replicas"].split(), account, timeouts)
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "page.html"), encoding="utf-8") as file:
        page = file.read()
    return Shop(config["app"]["host"], config["app"]["title"], databases, page)
