"""Devices and modules with IoTHubDeviceClient and IoTHubModuleClient, over MQTT with and without WebSocket."""

import pytest
from azure.iot.device import Message, MethodResponse
from azure.iot.device.exceptions import ClientError
from mailbox import Mailbox
from test_service_twins import plain


def test_the_twin_is_read(subject, client):
    subject.desire(interval=5)
    twin = client.get_twin()
    assert plain(twin["desired"]) == {"interval": 5}
    assert twin["desired"]["$version"] == 2
    assert twin["reported"] == {"$version": 1}


def test_reported_properties_are_merged_and_null_removes(subject, client):
    client.patch_twin_reported_properties({"battery": 80, "old": True})
    client.patch_twin_reported_properties({"battery": 79, "old": None})
    reported = subject.twin().properties.reported
    assert plain(reported) == {"battery": 79}
    assert reported["$version"] == 3


def test_a_report_that_breaks_a_rule_is_an_error_and_changes_nothing(subject, client):
    with pytest.raises(ClientError) as refused:
        client.patch_twin_reported_properties({"a.b": 1})
    # The SDK has no name of its own for what the hub answers.
    assert str(refused.value.__cause__) == "twin operation returned status 400"
    client.patch_twin_reported_properties({"ok": True})
    assert plain(subject.twin().properties.reported) == {"ok": True}


def test_desired_changes_arrive_as_deltas_in_order(subject, client):
    changes = Mailbox()
    client.on_twin_desired_properties_patch_received = changes.add
    subject.desire(climate={"min": 69, "max": 77})
    subject.desire(climate={"max": 80})
    subject.desire(climate={"min": None})
    assert changes.next() == {"climate": {"min": 69, "max": 77}, "$version": 2}
    assert changes.next() == {"climate": {"max": 80}, "$version": 3}
    assert changes.next() == {"climate": {"min": None}, "$version": 4}


def test_a_method_is_called_and_answered(subject, client):
    calls = Mailbox()

    def answer(request):
        calls.add((request.name, request.payload))
        response = MethodResponse.create_from_method_request(request, 207, {"done": ["a", 1]})
        client.send_method_response(response)

    client.on_method_request_received = answer
    result = subject.invoke("reboot", {"delay": 5})
    assert calls.next() == ("reboot", {"delay": 5})
    assert (result.status, result.payload) == (207, {"done": ["a", 1]})


def test_telemetry_is_kept_with_its_properties(hub, subject, client):
    message = Message('{"temperature":21}', message_id="id/1")
    message.content_type = "application/json"
    message.content_encoding = "utf-8"
    message.correlation_id = "c&d=e"
    message.custom_properties["level é"] = "high & dry"
    client.send_message(message)
    if subject.module_id:
        client.send_message_to_output("plain", "alarm")
    else:
        client.send_message("plain")

    first, second = hub.telemetry(subject, 2)
    assert first["body"] == {"temperature": 21}
    assert first["applicationProperties"] == {"level é": "high & dry"}
    assert first["systemProperties"] == {
        "messageId": "id/1",
        "correlationId": "c&d=e",
        "contentType": "application/json",
        "contentEncoding": "utf-8",
    }
    assert second["body"] == "plain"
    assert second["systemProperties"].get("outputName") == ("alarm" if subject.module_id else None)
