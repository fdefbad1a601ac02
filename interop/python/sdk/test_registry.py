"""The registry with IoTHubRegistryManager, over HTTPS."""

import base64

import pytest
from hub import new_id
from msrest.exceptions import HttpOperationError


def status_of(call, *arguments):
    """The HTTP status with which the hub refuses the call."""
    with pytest.raises(HttpOperationError) as refused:
        call(*arguments)
    return refused.value.response.status_code


def key(letter):
    return base64.b64encode(letter.encode() * 32).decode()


def test_a_device_is_created_read_updated_and_deleted(hub):
    registry = hub.registry
    device_id = new_id()
    created = registry.create_device_with_sas(device_id, key("a"), key("b"), "enabled")
    assert created.authentication.symmetric_key.primary_key == key("a")

    updated = registry.update_device_with_sas(
        device_id, created.etag, key("c"), key("b"), "disabled", status_reason="winter"
    )
    assert updated.etag != created.etag
    read = registry.get_device(device_id)
    assert (read.status, read.status_reason) == ("disabled", "winter")
    assert read.authentication.symmetric_key.primary_key == key("c")

    registry.delete_device(device_id)
    assert status_of(registry.get_device, device_id) == 404


def test_an_update_or_a_deletion_with_a_stale_etag_is_refused(hub):
    registry = hub.registry
    device_id = new_id()
    created = registry.create_device_with_sas(device_id, key("a"), key("b"), "enabled")
    update = (device_id, created.etag, key("a"), key("b"), "disabled")
    registry.update_device_with_sas(*update)
    assert status_of(registry.update_device_with_sas, *update) == 412
    assert status_of(registry.delete_device, device_id, created.etag) == 412
    registry.delete_device(device_id)


def test_a_module_without_keys_gets_its_own(hub):
    device = hub.register("device")
    module = hub.registry.create_module_with_sas(device.device_id, "m1", "", "", "")
    keys = module.authentication.symmetric_key
    assert len(base64.b64decode(keys.primary_key)) >= 16
    assert len({keys.primary_key, keys.secondary_key, device.key}) == 3
    assert module.managed_by in (None, "")


def test_a_module_is_updated_listed_and_deleted(hub):
    registry = hub.registry
    device_id = hub.register("module").device_id
    registry.create_module_with_sas(device_id, "m2", "python", "", "")
    assert [module.module_id for module in registry.get_modules(device_id)] == ["m1", "m2"]

    etag = registry.get_module(device_id, "m2").etag
    registry.update_module_with_sas(device_id, "m2", "somebody", etag, key("a"), key("b"))
    read = registry.get_module(device_id, "m2")
    assert read.managed_by == "somebody"
    assert read.authentication.symmetric_key.secondary_key == key("b")

    registry.delete_module(device_id, "m2")
    assert status_of(registry.get_module, device_id, "m2") == 404
    assert [module.module_id for module in registry.get_modules(device_id)] == ["m1"]


def test_what_exists_already_is_a_conflict_and_what_does_not_is_not_found(hub):
    registry = hub.registry
    subject = hub.register("module")
    assert status_of(registry.create_device_with_sas, subject.device_id, "", "", "enabled") == 409
    taken = (subject.device_id, subject.module_id, "", "", "")
    assert status_of(registry.create_module_with_sas, *taken) == 409
    assert status_of(registry.get_twin, "python-nobody") == 404
    assert status_of(registry.get_module_twin, subject.device_id, "nobody") == 404
    assert status_of(registry.create_module_with_sas, "python-nobody", "m1", "", "", "") == 404


def test_identities_with_thumbprints_keep_them(hub):
    registry = hub.registry
    device_id = new_id()
    registry.create_device_with_x509(device_id, "A" * 40, "B" * 40, "enabled")
    registry.create_module_with_x509(device_id, "m1", "", "C" * 40, "D" * 40)
    device = registry.get_device(device_id).authentication
    module = registry.get_module(device_id, "m1").authentication
    assert (device.type, device.x509_thumbprint.primary_thumbprint) == ("selfSigned", "A" * 40)
    assert (module.type, module.x509_thumbprint.secondary_thumbprint) == ("selfSigned", "D" * 40)


def test_the_statistics_count_a_new_device(hub):
    before = hub.registry.get_device_registry_statistics().total_device_count
    hub.register("device")
    assert hub.registry.get_device_registry_statistics().total_device_count == before + 1
