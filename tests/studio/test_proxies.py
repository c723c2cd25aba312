"""The proxies of docker/ in front of a running studio, on loopback: with TLS, under a name and under a path."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from models.interfaces import FaceStack
from pipeline.engine import Engine
from processors.registry import Registry
from studio.access.door import Door
from studio.app import create_app
from studio.settings import Settings
from tests.studio.serving import running_server

ROOT = Path(__file__).parents[2]
NAME = "faces.example.org"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@dataclass
class Shown:
    """address: where the proxy shows the studio. door: the studio's. certificate: the proxy's own."""

    address: str
    door: Door
    certificate: Path

    def client(self, *, signed_in: bool = True) -> httpx.Client:
        """A browser that believes that the proxy's name is this machine."""
        port = self.address.split(":")[2].split("/")[0]
        cookies = {self.door.cookie: self.door.keys.sign_in()} if signed_in else {}
        return httpx.Client(base_url=self.address, cookies=cookies, timeout=30, headers={"host": f"{NAME}:{port}"},
                            verify=ssl.create_default_context(cafile=str(self.certificate)), trust_env=False,
                            event_hooks={"request": [_named]})


def _named(request: httpx.Request) -> None:
    """The connection goes to 127.0.0.1; the certificate has to be that of the name."""
    request.extensions["sni_hostname"] = NAME


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the name, signed by itself; the key lies beside it."""
    path = tmp_path_factory.mktemp("tls") / "fullchain.pem"
    if shutil.which("openssl") is None:
        pytest.skip("OpenSSL is not installed (Debian: apt-get install openssl)")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
                    "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(path.with_name("privkey.pem")), "-out",
                    str(path)], check=True, capture_output=True)
    return path


def nginx_config(folder: Path, listen: int, studio: int, prefix: str, certificate: Path) -> list[str]:
    """docker/nginx.conf, on ports and with a certificate of the test's own."""
    text = (ROOT / "docker" / "nginx.conf").read_text()
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{listen} ssl;")
    text = text.replace("127.0.0.1:7860", f"127.0.0.1:{studio}")
    text = text.replace(f"/etc/letsencrypt/live/{NAME}", str(certificate.parent))
    if prefix:
        text = re.sub(r"\n    location / \{\n.*?\n    \}\n", "\n", text, flags=re.S)
        text = re.sub(r"# (location (= )?/likeness)", r"\1", text)
    body = folder / "body"
    body.mkdir()
    own = "".join(f"{kind}_temp_path {body / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder / 'pid'};\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{own}{text}\n}}\n")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def caddy_config(folder: Path, listen: int, studio: int, prefix: str, certificate: Path) -> list[str]:
    """One of the two sites of docker/Caddyfile, with a certificate of the test's own: nobody gives it one here."""
    text = (ROOT / "docker" / "Caddyfile").read_text()
    sites = re.findall(r"^(\S+) \{\n(.*?)^\}\n", text, flags=re.S | re.M)
    body = dict(sites)["example.org" if prefix else NAME].replace("127.0.0.1:7860", f"127.0.0.1:{studio}")
    own = f"\ttls {certificate} {certificate.with_name('privkey.pem')}\n"
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n"
                                      f"https://{NAME}:{listen} {{\n\tbind 127.0.0.1\n{own}{body}}}\n")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module", params=[(nginx_config, ""), (nginx_config, "/likeness"), (caddy_config, ""),
                                        (caddy_config, "/likeness")],
                ids=["nginx", "nginx, a path", "caddy", "caddy, a path"])
def shown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory,
          stack: FaceStack, certificate: Path) -> Iterator[Shown]:
    make: Callable[[Path, int, int, str, Path], list[str]] = request.param[0]
    prefix: str = request.param[1]
    program = make.__name__.partition("_")[0]
    if shutil.which(program) is None and not Path(f"/usr/sbin/{program}").exists():
        pytest.skip(f"{program} is not installed (Debian: apt-get install {program})")
    folder = tmp_path_factory.mktemp("proxy")
    listen, studio = free_port(), free_port()
    app = create_app(Engine(registry=Registry(), faces=stack), Settings(
        data_dir=folder / "data", port=studio, root_path=prefix, allowed_hosts=(NAME,)))
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(folder),
                   "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with running_server(uvicorn.Config(app, port=studio, log_level="warning", access_log=False)):
        proxy = subprocess.Popen(make(folder, listen, studio, prefix, certificate), env=environment,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(proxy, listen)
            yield Shown(f"https://127.0.0.1:{listen}{prefix}", app.state.door, certificate)
        finally:
            proxy.kill()  # Caddy would wait for streams that are under way
            proxy.wait(10)


def _wait(proxy: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert proxy.poll() is None, "the proxy ended"
        time.sleep(0.05)
    raise AssertionError("the proxy does not answer")


def test_a_stranger_is_asked_and_the_owner_comes_in(shown: Shown) -> None:
    password = shown.door.keys.make_password()
    with shown.client(signed_in=False) as client:
        assert client.get("/", headers={"accept": "text/html"}).status_code == 401
        origin = f"https://{client.headers['host']}"
        entered = client.post("/access/enter", json={"password": password}, headers={"origin": origin})
        assert entered.status_code == 200, entered.text
        cookie = entered.headers["set-cookie"]
        assert "secure" in cookie.lower(), "it came by TLS"
        path = re.search(r"[Pp]ath=([^;]+)", cookie)
        assert path is not None
        assert shown.address.endswith(path[1].rstrip("/"))


def test_every_address_on_the_page_is_found_through_the_proxy(shown: Shown) -> None:
    with shown.client() as client:
        page = client.get("/")
        assert page.status_code == 200
        found = set(re.findall(r'(?:src|href)="([^"#]+)"', page.text)) | {"studio.js", "studio.css", "config"}
        assert len(found) > 5
        for address in found:
            # The manifest is a line of Gradio's template for installed apps, which the studio is not; no path suits it.
            if address.startswith(("data:", "blob:", "https://")) or address == "/manifest.json":
                continue
            url = httpx.URL(shown.address + "/").join(address)
            assert client.get(str(url)).status_code == 200, address


def test_a_large_upload_goes_straight_on(shown: Shown) -> None:
    """What the proxy collects first would come in one go, and need its disk: the studio sees it while it is sent."""
    with shown.client() as client:
        origin = {"origin": f"https://{client.headers['host']}"}

        def body() -> Iterator[bytes]:
            for _ in range(40):
                yield b"x" * (1 << 20)

        answer = client.put("/upload/nobody?name=x.mp4", content=body(), headers=origin)
        assert answer.status_code == 404, "the studio's own answer, of a tab that is not there; not the proxy's 413"


def test_events_come_one_by_one(shown: Shown) -> None:
    """Gradio's stream of a session sends a heartbeat at once and is never whole."""
    with shown.client() as client, client.stream("GET", "/gradio_api/heartbeat/abc") as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert next(stream.iter_raw())


def test_another_site_s_page_is_refused_through_the_proxy_too(shown: Shown) -> None:
    with shown.client() as client:
        assert client.post("/access/leave", headers={"origin": "https://evil.example"}).status_code == 403
        answer = client.get("/healthz", headers={"host": "evil.example"})
        assert answer.status_code == 403 or not answer.content, "refused by the studio, or not even asked of it"
