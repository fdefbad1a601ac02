import os

import certifi
import pytest
import requests  # noqa: F401  before certifi changes: HTTPS must work by REQUESTS_CA_BUNDLE alone

# send_c2d_message speaks AMQP with uamqp, which trusts certifi's bundle and offers no setting. A person adds the
# hub's certificate to that file; a test must not change what is installed.
certifi.where = lambda: os.environ["IOTHUB_CA_FILE"]

from hub import Hub  # noqa: E402


@pytest.fixture(scope="session")
def hub():
    return Hub()


@pytest.fixture(params=["device", "module"])
def subject(hub, request):
    """Each test that takes it runs for a device and for a module."""
    return hub.register(request.param)


@pytest.fixture(params=["mqtt", "mqtt-ws"])
def client(subject, request):
    """A connected client of the subject, over MQTT and over MQTT on WebSocket."""
    opened = subject.client(websockets=request.param == "mqtt-ws")
    opened.connect()
    yield opened
    opened.shutdown()
