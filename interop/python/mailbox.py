"""What an SDK client hears, in order, each thing to be taken once."""

import queue
import threading


class Mailbox:
    def __init__(self):
        self._arrived = queue.Queue()

    def add(self, thing):
        self._arrived.put(thing)

    def next(self, seconds=60):
        """The next thing, now or when it comes. Raises queue.Empty after `seconds`."""
        return self._arrived.get(timeout=seconds)

    @property
    def empty(self):
        return self._arrived.empty()


class ConnectionWatch:
    """Counts how often a client was connected; the SDK tells every change."""

    def __init__(self, client):
        self._client = client
        self._changed = threading.Condition()
        self._connected = 0
        self._was = client.connected
        client.on_connection_state_change = self._note

    def _note(self):
        with self._changed:
            is_connected = self._client.connected
            if is_connected and not self._was:
                self._connected += 1
            self._was = is_connected
            self._changed.notify_all()

    def wait_for_reconnect(self, seconds):
        """Returns when the client has been connected once more since this watch began."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._connected > 0, seconds), "no reconnect"
