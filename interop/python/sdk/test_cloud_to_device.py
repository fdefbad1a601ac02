"""Messages to devices: sent by IoTHubRegistryManager over AMQP, received over MQTT."""

import pytest
from mailbox import Mailbox


@pytest.fixture
def device(hub):
    return hub.register("device")


def test_a_message_arrives_with_its_properties(hub, device):
    client = device.client()
    received = Mailbox()
    try:
        client.connect()
        client.on_message_received = received.add
        properties = {"messageId": "m1", "contentType": "text/plain", "key 1": "a&b=c"}
        hub.registry.send_c2d_message(device.device_id, "hello", properties)
        message = received.next()
    finally:
        client.shutdown()
    assert message.data == b"hello"
    assert (message.message_id, message.content_type) == ("m1", "text/plain")
    assert message.custom_properties == {"key 1": "a&b=c"}


def test_messages_wait_for_a_device_that_is_away(hub, device):
    hub.registry.send_c2d_message(device.device_id, "first", {})
    hub.registry.send_c2d_message(device.device_id, "second", {})
    client = device.client(websockets=True)
    received = Mailbox()
    try:
        client.on_message_received = received.add
        assert [received.next().data, received.next().data] == [b"first", b"second"]
    finally:
        client.shutdown()
    assert received.empty
