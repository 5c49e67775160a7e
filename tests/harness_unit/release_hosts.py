"""The hosts of official releases, on loopback: a server below whose URL they all are, with their paths and files."""

import hashlib
import io
import json
import ssl
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hosts:
    """Files by path, each of which a test may replace by a function that answers otherwise; ``asked`` has what was asked for."""

    def __init__(self):
        self.files, self.asked, self.url = {}, [], ""
        self.ended = threading.Event()  # for an answer that never comes

    def add(self, url, content):
        """Serve ``content`` at ``url`` (an official one), and its SHA-256 where the project publishes it."""
        path = url.removeprefix("https://")
        self.files[path] = content
        name = path.rpartition("/")[2]
        sha = hashlib.sha256(content).hexdigest()
        if "dl.k8s.io" in path:
            self.files[f"{path}.sha256"] = sha.encode()
        elif "/etcd/" in path:
            self.files[f"{path.rpartition('/')[0]}/SHA256SUMS"] = f"{'0' * 64}  other.zip\n{sha}  {name}\n".encode()
        else:
            self.files[f"{path}.sha256sum"] = f"{sha}  {name}\n".encode()

    def add_image(self, url, *layers, platform, **changes):
        """Serve an image of ``layers`` (tars) at the manifest's ``url`` as its registry does; return the paths of index, manifest and layers.

        Args:
            platform: "linux/amd64"; the index has another one before it.
            changes: what the manifest has besides, or instead.
        """
        repository, _, tag = url.removeprefix("https://").rpartition("/manifests/")
        blobs = [self._put(f"{repository}/blobs", layer) for layer in layers]
        manifest = {"schemaVersion": 2, "layers": [{"digest": digest} for digest, _ in blobs], **changes}
        digest, path = self._put(f"{repository}/manifests", json.dumps(manifest).encode())
        system, architecture = platform.split("/")
        entries = [("plan9", "mips", f"sha256:{'0' * 64}"), (system, architecture, digest)]
        index = [{"digest": one, "platform": {"os": name, "architecture": cpu}} for name, cpu, one in entries]
        tagged = f"{repository}/manifests/{tag}"
        self.files[tagged] = json.dumps({"schemaVersion": 2, "manifests": index}).encode()
        return [tagged, path, *(path for _, path in blobs)]

    def _put(self, folder, content):
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.files[f"{folder}/{digest}"] = content
        return digest, f"{folder}/{digest}"


def tar(*members):
    """Return a tar.gz with ``members``: (path, content) or (path, content, mode), and a link for content that is a str."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=0) as archive:
        for path, content, *mode in members:
            member = tarfile.TarInfo(path)
            member.mode = mode[0] if mode else 0o755
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


@contextmanager
def served(authority=None):
    """Yield Hosts, served until the block ends; over TLS with a certificate of ``authority`` if that is given."""
    hosts = Hosts()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.removeprefix("/files/")
            hosts.asked.append(path)
            found = hosts.files.get(path)
            if callable(found):
                found(self)
            elif found is None:
                self.send_error(404)
            else:
                self.answer(found)

        def answer(self, content, size=None):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content) if size is None else size))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_args):
            """Say nothing: clients that go away in the middle are what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    if authority:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    hosts.url = f"{'https' if authority else 'http'}://127.0.0.1:{server.server_port}/files"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hosts
    finally:
        hosts.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
