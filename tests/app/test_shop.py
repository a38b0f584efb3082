"""The sample application without a database: its answers, and whom it asks when a server is gone."""
import io
import pathlib
import sys
import time
import types
import unittest

APP = pathlib.Path(__file__).resolve().parents[2] / "templates" / "app"
sys.path.insert(0, str(APP))
sys.dont_write_bytecode = True


class MySQLError(Exception):
    pass


class Server:
    """One made-up server: its rows, whether it is up, and what it was asked."""

    def __init__(self):
        self.up, self.rows, self.asked, self.connects = True, [], [], 0


SERVERS = {}


class Cursor:
    def __init__(self, server):
        self.server, self.lastrowid = server, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def execute(self, statement, values):
        if not self.server.up:
            raise MySQLError("gone")
        self.server.asked.append(statement.split()[0])
        if statement.startswith("INSERT"):
            self.lastrowid = len(self.server.rows) + 1
            self.server.rows.append((self.lastrowid, *values, "2026-01-01 00:00:00"))

    def fetchall(self):
        return list(reversed(self.server.rows))


class Connection:
    def __init__(self, host, port, **_):
        self.server = SERVERS[f"{host}:{port}"]
        if not self.server.up:
            raise MySQLError("refused")
        self.server.connects += 1

    def cursor(self):
        return Cursor(self.server)

    def ping(self, reconnect):
        if not self.server.up:
            raise MySQLError("gone")

    def close(self):
        pass


pymysql = types.ModuleType("pymysql")
pymysql.err = types.SimpleNamespace(MySQLError=MySQLError, Error=MySQLError)
pymysql.connect = Connection
sys.modules["pymysql"] = pymysql

import database  # noqa: E402  pylint: disable=wrong-import-position
import wsgi  # noqa: E402  pylint: disable=wrong-import-position


class ShopTest(unittest.TestCase):
    def setUp(self):
        SERVERS.clear()
        for name in ("primary", "near", "far"):
            SERVERS[f"{name}:3306"] = Server()
        timeouts = {"connect": 1, "read": 1}
        self.databases = database.Databases("primary:3306", ["near:3306", "far:3306"], {}, timeouts, rest_s=60)
        self.shop = wsgi.Shop("web1", "Shop", self.databases, (APP / "page.html").read_text())

    def ask(self, method, path, body=b"", **headers):
        seen = {}

        def start(status, answered):
            seen["status"], seen["headers"] = int(status[:3]), dict(answered)

        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), **headers,
        }
        seen["body"] = b"".join(self.shop(environ, start)).decode()
        return types.SimpleNamespace(**seen)

    def asked(self):
        return {name.split(":")[0]: len(server.asked) for name, server in SERVERS.items()}

    def test_answers(self):
        SERVERS["near:3306"].rows = [(1, "<b>", "web1", "now")]
        cases = [
            # method, path, form, status, in the body
            ("GET", "/", b"", 200, "&lt;b&gt;"),
            ("HEAD", "/", b"", 200, ""),
            ("GET", "/items/1", b"", 200, '"name": "<b>"'),
            ("GET", "/health", b"", 200, '"host": "web1"'),
            ("POST", "/items", b"name=tea", 201, '"id": 1'),
            ("POST", "/items", b"name=+", 400, "missing or empty"),
            ("POST", "/items", b"name=" + b"x" * 101, 400, "longer than 100"),
            ("POST", "/items", b"\xff", 400, "not a form"),
            ("POST", "/items", b"x" * 20000, 413, "larger"),
            ("POST", "/items", b"", 400, "missing"),
            ("DELETE", "/items", b"", 405, "DELETE"),
            ("GET", "/items/x", b"", 404, "no such page"),
            ("GET", "/items/9999999999999999999", b"", 404, "no such page"),
            ("GET", "//", b"", 404, "no such page"),
        ]
        for method, path, body, status, text in cases:
            with self.subTest(method=method, path=path, body=body[:20]):
                answer = self.ask(method, path, body)
                self.assertEqual(answer.status, status)
                self.assertIn(text, answer.body)
                self.assertEqual(answer.headers["X-App-Host"], "web1")

    def test_a_browser_is_led_back(self):
        answer = self.ask("POST", "/items", b"name=tea", HTTP_ACCEPT="text/html,*/*")
        self.assertEqual((answer.status, answer.headers["Location"]), (303, "/"))

    def test_reads_from_the_first_replica_and_writes_to_the_primary(self):
        self.ask("GET", "/items")
        self.ask("POST", "/items", b"name=tea")
        self.assertEqual(self.asked(), {"primary": 1, "near": 1, "far": 0})

    def test_a_replica_that_is_gone_is_asked_once_and_then_left_alone(self):
        SERVERS["near:3306"].up = False
        for _ in range(3):
            self.assertEqual(self.ask("GET", "/items").headers["X-Read-From"], "far:3306")
        self.assertTrue(self.databases.replicas[0].resting)
        self.assertEqual(self.asked(), {"primary": 0, "near": 0, "far": 3})

    def test_reads_go_on_without_the_primary(self):
        SERVERS["primary:3306"].up = False
        self.assertEqual(self.ask("GET", "/").status, 200)
        self.assertEqual(self.ask("GET", "/health").status, 200)
        self.assertEqual(self.ask("POST", "/items", b"name=tea").status, 503)

    def test_health_fails_when_no_database_answers(self):
        for server in SERVERS.values():
            server.up = False
        self.assertEqual(self.ask("GET", "/health").status, 503)
        self.assertEqual(self.ask("GET", "/").status, 503)

    def test_a_row_that_the_replica_has_not_got_yet_comes_from_the_primary(self):
        SERVERS["primary:3306"].rows = [(7, "tea", "web1", "now")]
        answer = self.ask("GET", "/items/7")
        self.assertEqual((answer.status, answer.headers["X-Read-From"]), (200, "primary:3306"))

    def test_a_connection_that_a_restart_closed_is_made_anew(self):
        self.ask("GET", "/items")
        connection = self.databases.replicas[0]._local.connection
        connection.cursor = lambda: (_ for _ in ()).throw(MySQLError("server has gone away"))
        self.assertEqual(self.ask("GET", "/items").headers["X-Read-From"], "near:3306")
        self.assertEqual(SERVERS["near:3306"].connects, 2)

    def test_a_server_that_was_waited_for_is_not_asked_again(self):
        self.ask("GET", "/items")

        def late():
            time.sleep(database.AT_ONCE_S + 0.05)
            raise MySQLError("timed out")

        self.databases.replicas[0]._local.connection.cursor = late
        self.assertEqual(self.ask("GET", "/items").headers["X-Read-From"], "far:3306")
        self.assertEqual(SERVERS["near:3306"].connects, 1)

    def test_a_write_is_never_repeated(self):
        self.ask("POST", "/items", b"name=tea")
        connection = self.databases.primary._local.connection
        connection.cursor = lambda: (_ for _ in ()).throw(MySQLError("lost during query"))
        self.assertEqual(self.ask("POST", "/items", b"name=tea").status, 503)
        self.assertEqual(len(SERVERS["primary:3306"].rows), 1)


unittest.main()
