"""Devices and modules over AMQP, without an SDK."""

import json

import pytest
from azure.iot.hub.sastoken import SasToken
from hub import Subject
from peer import Peer, TwinLinks, connect
from proton import ConnectionException, Delivery, Message
from proton.utils import ConnectionClosed, LinkDetached

DESIRED = "/notifications/twin/properties/desired"


def test_telemetry_is_accepted_and_kept(hub, subject, peer):
    message = Message(body=b'{"temperature":21}', id="m1", properties={"level": "high"})
    message.content_type = "application/json"
    message.content_encoding = "utf-8"
    assert peer.send(f"{peer.path}/messages/events", message) == Delivery.ACCEPTED

    (kept,) = hub.telemetry(subject, 1)
    assert kept["body"] == {"temperature": 21}
    assert kept["applicationProperties"] == {"level": "high"}
    assert kept["systemProperties"]["messageId"] == "m1"


def test_the_twin_is_read_reported_and_heard_of(subject, peer):
    links = TwinLinks(peer)
    twin = links.ask("GET")
    assert twin.annotations["status"] == 200
    assert json.loads(bytes(twin.body))["desired"]["$version"] == 1

    assert links.ask("PUT", DESIRED).annotations["status"] == 200
    reported = links.ask("PATCH", "/properties/reported", b'{"battery":80}')
    assert reported.annotations["status"] in (200, 204)
    assert subject.twin().properties.reported["battery"] == 80

    subject.desire(interval=5)
    assert json.loads(bytes(links.next().body)) == {"interval": 5, "$version": 2}


def test_a_message_waits_for_its_device_and_is_gone_when_accepted(hub):
    device = hub.register("device")
    service = Peer.as_service(hub)
    message = Message(body=b"hello", id="m1", properties={"key": "value"})
    message.address = f"/devices/{device.device_id}/messages/devicebound"
    assert service.send("/messages/devicebound", message) == Delivery.ACCEPTED
    service.close()

    peer = Peer.as_identity(device, by="plain")
    messages = peer.receiver(f"{peer.path}/messages/devicebound")
    received = messages.receive()
    messages.accept()
    assert (bytes(received.body), received.id) == (b"hello", "m1")
    assert received.properties["key"] == "value"
    peer.close()
    assert device.twin().cloud_to_device_message_count == 0


def test_a_message_to_nobody_is_rejected(hub):
    service = Peer.as_service(hub)
    message = Message(body=b"hello")
    message.address = "/devices/python-nobody/messages/devicebound"
    assert service.send("/messages/devicebound", message) == Delivery.REJECTED
    service.close()


def test_a_wrong_key_is_refused(hub, subject):
    stranger = Subject(
        subject.registry, subject.host, subject.device_id, subject.module_id, "d3Jvbmc="
    )
    with pytest.raises(ConnectionException):
        Peer.as_identity(stranger, by="plain")

    peer = Peer(connect(hub.host, allowed_mechs="ANONYMOUS"), "")
    token = SasToken(f"{hub.host}/devices/{subject.device_id}", "d3Jvbmc=")
    assert peer.put_token(hub.host, str(token)) == 401
    peer.close()


def test_an_identity_has_no_links_of_another(hub, subject, peer):
    other = hub.register("device")
    with pytest.raises((LinkDetached, ConnectionClosed)):
        peer.receiver(f"/devices/{other.device_id}/messages/devicebound")
