"""A Secret Service of a test's own: gnome-keyring on a bus that nobody else is on."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import dbus

from lib.util import scaled, wait_until

PASSWORD = "tide"
NAME = "org.freedesktop.secrets"
COLLECTION = "/org/freedesktop/secrets/collection/login"
# Nothing is started by a bus that knows no services.
BUS = """<busconfig><type>session</type><listen>unix:path={path}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>"""


class Bus:
    def __init__(self):
        # The path of a socket has 108 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="bus-", dir="/tmp"))
        config = self.folder / "bus.conf"
        config.write_text(BUS.format(path=self.folder / "bus"))
        with open(self.folder / "bus.log", "wb") as log:
            self.process = subprocess.Popen(
                ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
                stdout=subprocess.PIPE, stderr=log, text=True)
        self.address = self.process.stdout.readline().strip()

    @contextlib.contextmanager
    def listen(self):
        """What passes on the bus meanwhile, as bytes."""
        path = self.folder / "heard"
        with open(path, "wb") as out:
            with subprocess.Popen(["dbus-monitor", "--address", self.address, "--binary"],
                                  stdout=out) as monitor:
                wait_until(lambda: path.stat().st_size)
                yield path.read_bytes
                monitor.terminate()

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder)


class Keyring:
    """Begins unlocked, with an empty collection that is the default."""

    def __init__(self, bus):
        self.bus = bus
        self.connection = dbus.bus.BusConnection(bus.address)
        self.process = None
        self.start()

    def start(self, password=PASSWORD):
        """With a password it begins unlocked, or makes its collection."""
        folder = self.bus.folder
        env = {**os.environ, "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder),
               "XDG_DATA_HOME": str(folder / "data"), "DBUS_SESSION_BUS_ADDRESS": self.bus.address}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL"):
            env.pop(name, None)
        args = ["gnome-keyring-daemon", "--foreground", "--components=secrets"]
        with open(folder / "keyring.log", "ab") as log:
            self.process = subprocess.Popen(args + (["--unlock"] if password else ["--start"]),
                                            env=env, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.process.stdin.write((password or "").encode())
        self.process.stdin.close()
        wait_until(lambda: self.connection.name_has_owner(NAME))

    def kill(self):
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not self.connection.name_has_owner(NAME))

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()
        self.connection.close()

    def pause(self, on):
        """While it is on, it takes calls and answers none."""
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def _call(self, path, interface, method, *args):
        proxy = self.connection.get_object(NAME, path, introspect=False)
        return proxy.get_dbus_method(method, interface)(*args, timeout=scaled(10))

    def _service(self, method, *args):
        return self._call("/org/freedesktop/secrets", "org.freedesktop.Secret.Service", method, *args)

    def _session(self):
        return self._service("OpenSession", "plain", dbus.String("", variant_level=1))[1]

    def lock(self):
        self._service("Lock", dbus.Array([dbus.ObjectPath(COLLECTION)], "o"))

    def unlock(self):
        secret = dbus.Struct((self._session(), dbus.ByteArray(b""), dbus.ByteArray(PASSWORD.encode()),
                              "text/plain"), signature="oayays")
        self._call("/org/freedesktop/secrets",
                   "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface",
                   "UnlockWithMasterPassword", dbus.ObjectPath(COLLECTION), secret)

    def items(self):
        """{the id of an item: its secret}, of all logins."""
        session, found = self._session(), {}
        paths, locked = self._service("SearchItems", dbus.Dictionary(
            {"xdg:schema": "org.sparkfs.Login"}, "ss"))
        assert not locked
        for path in paths:
            attributes = self._call(path, "org.freedesktop.DBus.Properties", "Get",
                                    "org.freedesktop.Secret.Item", "Attributes")
            secret = self._call(path, "org.freedesktop.Secret.Item", "GetSecret", session)
            found[str(attributes["item"])] = bytes(secret[2]).decode()
        return found

    def remove_items(self):
        for path in self._service("SearchItems", dbus.Dictionary(
                {"xdg:schema": "org.sparkfs.Login"}, "ss"))[0]:
            self._call(path, "org.freedesktop.Secret.Item", "Delete")
