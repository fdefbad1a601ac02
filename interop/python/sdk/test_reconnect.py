"""
A connection that is cut. The SDK connects again by itself, but does not subscribe again: what it asked for must still
be known to the hub.
"""

import threading

from azure.iot.device import Message, MethodResponse
from azure.iot.device.exceptions import OperationCancelled
from mailbox import ConnectionWatch, Mailbox

# What comes after a reconnect has so long before the next cut.
DELAY_SECONDS = 10


def send_fault(client):
    """
    Asks the hub to cut the TCP connection. Such a message is never acknowledged: the SDK sends it again after each
    reconnect, so that the connection is cut again and again, each time after the same delay.
    """
    fault = Message("cut")
    fault.custom_properties = {
        "AzIoTHub_FaultOperationType": "KillTcp",
        "AzIoTHub_FaultOperationCloseReason": "boom",
        "AzIoTHub_FaultOperationDelayInSecs": str(DELAY_SECONDS),
    }

    def send():
        try:
            client.send_message(fault)
        except OperationCancelled:
            pass  # by shutdown()

    threading.Thread(target=send, daemon=True).start()


def test_subscriptions_survive_a_cut_connection(subject, client):
    changes = Mailbox()
    client.on_twin_desired_properties_patch_received = changes.add
    client.on_background_exception = lambda error: None

    def answer(request):
        client.send_method_response(MethodResponse.create_from_method_request(request, 200, "back"))

    client.on_method_request_received = answer
    watch = ConnectionWatch(client)
    send_fault(client)
    watch.wait_for_reconnect(DELAY_SECONDS + 60)

    subject.desire(interval=7)
    assert changes.next() == {"interval": 7, "$version": 2}
    assert subject.invoke("ping", None).payload == "back"
    assert plain_twin(client) == {"interval": 7, "$version": 2}


def plain_twin(client):
    return client.get_twin()["desired"]
