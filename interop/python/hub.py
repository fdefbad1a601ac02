"""A running hub as these tests see it: its registry, and devices and modules to connect as."""

import itertools
import json
import os
from dataclasses import dataclass

import requests
from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties
from azure.iot.hub.sastoken import SasToken

# Where, as the runner tells: the service's connection string, and the certificate authority as a PEM file.
CONNECTION_STRING = os.environ["IOTHUB_CONNECTION_STRING"]
CA_FILE = os.environ["IOTHUB_CA_FILE"]

_numbers = itertools.count(1)


def new_id():
    """A device id that no other test and no earlier run has used."""
    return f"python-{os.getpid()}-{next(_numbers)}"


def parts_of(connection_string):
    """The parts of a connection string by their names."""
    return dict(part.split("=", 1) for part in connection_string.split(";"))


@dataclass(frozen=True)
class Subject:
    """A registered device or module, with the calls that differ between the two hidden."""

    registry: IoTHubRegistryManager
    host: str
    device_id: str
    module_id: str | None
    key: str

    @property
    def connection_string(self):
        module = f";ModuleId={self.module_id}" if self.module_id else ""
        return f"HostName={self.host};DeviceId={self.device_id}{module};SharedAccessKey={self.key}"

    def client(self, websockets=False):
        """An SDK client that trusts the hub, not yet connected."""
        client_class = IoTHubModuleClient if self.module_id else IoTHubDeviceClient
        with open(CA_FILE, encoding="utf-8") as file:
            return client_class.create_from_connection_string(
                self.connection_string, server_verification_cert=file.read(), websockets=websockets
            )

    def twin(self):
        if self.module_id:
            return self.registry.get_module_twin(self.device_id, self.module_id)
        return self.registry.get_twin(self.device_id)

    def update_twin(self, change, etag=None):
        if self.module_id:
            return self.registry.update_module_twin(self.device_id, self.module_id, change, etag)
        return self.registry.update_twin(self.device_id, change, etag)

    def replace_twin(self, twin, etag=None):
        if self.module_id:
            return self.registry.replace_module_twin(self.device_id, self.module_id, twin, etag)
        return self.registry.replace_twin(self.device_id, twin, etag)

    def desire(self, **desired):
        """Changes desired properties; gives back the twin."""
        return self.update_twin(Twin(properties=TwinProperties(desired=desired)))

    def invoke(self, name, payload):
        call = CloudToDeviceMethod(method_name=name, payload=payload, response_timeout_in_seconds=30)
        if self.module_id:
            return self.registry.invoke_device_module_method(self.device_id, self.module_id, call)
        return self.registry.invoke_device_method(self.device_id, call)


class Hub:
    def __init__(self):
        self.registry = IoTHubRegistryManager.from_connection_string(CONNECTION_STRING)
        parts = parts_of(CONNECTION_STRING)
        self.host = parts["HostName"]
        self.policy = parts["SharedAccessKeyName"]
        self._key = parts["SharedAccessKey"]

    def token(self):
        """A token of the service's policy for the whole hub."""
        return SasToken(self.host, self._key, self.policy)

    def register(self, kind):
        """A new device, or a new module of a new device, with keys that the hub has made."""
        device_id = new_id()
        identity = self.registry.create_device_with_sas(device_id, "", "", "enabled")
        module_id = None
        if kind == "module":
            module_id = "m1"
            identity = self.registry.create_module_with_sas(device_id, module_id, "", "", "")
        key = identity.authentication.symmetric_key.primary_key
        return Subject(self.registry, self.host, device_id, module_id, key)

    def telemetry(self, subject, count):
        """The first `count` messages that the hub has kept of the subject, waited for if need be."""
        query = {"from": "earliest", "deviceId": subject.device_id, "source": "Telemetry"}
        if subject.module_id:
            query["moduleId"] = subject.module_id
        messages = []
        with requests.get(
            f"https://{self.host}/$hub/events",
            params=query,
            headers={"Authorization": str(self.token())},
            stream=True,
            timeout=60,
        ) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines(chunk_size=1):
                if line.startswith(b"data:"):
                    messages.append(json.loads(line[len(b"data:") :]))
                    if len(messages) == count:
                        break
        return messages
