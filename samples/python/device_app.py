"""
The application on the device: it connects as the module, reports what it knows and listens for desired changes until it
is told to end (Ctrl+C).

    python device_app.py [--websockets]

It uses the published azure-iot-device package as it is. IOTHUB_CA_FILE names the hub's CA file.
"""

import argparse
import json
import os
import signal
import sys
import threading

from azure.iot.device import IoTHubModuleClient


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--websockets", action="store_true", help="MQTT over WebSocket")
    websockets = arguments.parse_args().websockets

    client = IoTHubModuleClient.create_from_connection_string(
        setting("IOTHUB_MODULE_CONNECTION_STRING"),
        server_verification_cert=read(setting("IOTHUB_CA_FILE")),
        websockets=websockets,
    )
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())

    client.connect()
    print(f"connected over {'mqtt-ws' if websockets else 'mqtt'}", flush=True)
    twin = client.get_twin()
    print(f"desired properties: {json.dumps(twin['desired'])}", flush=True)

    # Setting the handler subscribes; from here on, every change arrives.
    client.on_twin_desired_properties_patch_received = on_change
    report = {"firmwareVersion": "1.2.3", "weather": {"temperature": 72, "humidity": 41}}
    client.patch_twin_reported_properties(report)
    print(f"reported {json.dumps(report)}", flush=True)
    print("ready for desired changes", flush=True)

    ended.wait()
    client.shutdown()
    print("closed", flush=True)


def on_change(change):
    delta = {name: value for name, value in change.items() if name != "$version"}
    print(f"desired change, version {change['$version']}: {json.dumps(delta)}", flush=True)


def setting(name):
    value = os.environ.get(name)
    if not value:
        sys.exit(f"set {name}")
    return value


def read(file_name):
    with open(file_name, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    main()
