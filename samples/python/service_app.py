"""
The back-end application of the module-twin story, in two phases:

    python service_app.py create   registers the device and the module, prints the module's connection string
    python service_app.py patch    reads the module's twin, changes it, shows what the module has reported

It uses the published azure-iot-hub package as it is. REQUESTS_CA_BUNDLE names the hub's CA file.
"""

import json
import os
import sys

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import Twin, TwinProperties
from msrest.exceptions import HttpOperationError

DEVICE_ID = "myFirstDevice"
MODULE_ID = "myFirstModule"


def create(registry, host_name):
    if created_now(registry.create_device_with_sas, DEVICE_ID, "", "", "enabled"):
        print(f"created device {DEVICE_ID}")
    else:
        print(f"device {DEVICE_ID} already exists")
    # No keys and nobody who manages it: the hub makes the keys.
    if created_now(registry.create_module_with_sas, DEVICE_ID, MODULE_ID, "", "", ""):
        print(f"created module {MODULE_ID}")
    else:
        print(f"module {MODULE_ID} already exists")

    key = registry.get_module(DEVICE_ID, MODULE_ID).authentication.symmetric_key.primary_key
    print(
        f"module connection string: HostName={host_name};DeviceId={DEVICE_ID};"
        f"ModuleId={MODULE_ID};SharedAccessKey={key}"
    )


def created_now(call, *arguments):
    """False if the identity was there before; any other failure is passed on."""
    try:
        call(*arguments)
        return True
    except HttpOperationError as error:
        if error.response.status_code == 409:
            return False
        raise


def patch(registry, host_name):
    before = registry.get_module_twin(DEVICE_ID, MODULE_ID)
    print(f"twin etag {before.etag}")

    change = Twin(
        tags={"location": "roof"},
        properties=TwinProperties(
            desired={"climate": {"minTemperature": 69, "maxTemperature": 77}}
        ),
    )
    after = registry.update_module_twin(DEVICE_ID, MODULE_ID, change, before.etag)
    print(f"patched the climate and a tag with etag {before.etag}, the etag is {after.etag} now")

    try:
        registry.update_module_twin(
            DEVICE_ID, MODULE_ID, climate({"maxTemperature": 99}), before.etag
        )
        sys.exit("the hub accepted a stale etag")
    except HttpOperationError as error:
        status = error.response.status_code
        print(f"patched with the stale etag {before.etag}: refused with {status}")

    registry.update_module_twin(DEVICE_ID, MODULE_ID, climate({"maxTemperature": 80}), after.etag)
    print("changed climate.maxTemperature alone")
    registry.update_module_twin(DEVICE_ID, MODULE_ID, climate({"minTemperature": None}))
    print("removed climate.minTemperature")

    reported = dict(registry.get_module_twin(DEVICE_ID, MODULE_ID).properties.reported)
    reported.pop("$metadata")
    print(f"reported by the module: {json.dumps(reported)}")


def climate(change):
    return Twin(properties=TwinProperties(desired={"climate": change}))


def main():
    phases = {"create": create, "patch": patch}
    if len(sys.argv) != 2 or sys.argv[1] not in phases:
        sys.exit("usage: python service_app.py create|patch")
    connection_string = os.environ.get("IOTHUB_CONNECTION_STRING")
    if not connection_string:
        sys.exit("set IOTHUB_CONNECTION_STRING to a connection string of the hub")
    parts = dict(part.split("=", 1) for part in connection_string.split(";"))
    registry = IoTHubRegistryManager.from_connection_string(connection_string)
    phases[sys.argv[1]](registry, parts["HostName"])


if __name__ == "__main__":
    main()
