"""Twins as a service sees them, with IoTHubRegistryManager."""

import pytest
from azure.iot.hub.models import Twin, TwinProperties
from msrest.exceptions import HttpOperationError


def plain(section):
    return {name: value for name, value in section.items() if not name.startswith("$")}


def test_a_change_with_the_etag_is_merged_and_null_removes(subject):
    before = subject.twin()
    after = subject.update_twin(
        Twin(tags={"site": "roof"}, properties=TwinProperties(desired={"min": 1, "max": 2})),
        before.etag,
    )
    assert after.tags == {"site": "roof"}
    assert after.version == before.version + 1
    assert after.properties.desired["$version"] == before.properties.desired["$version"] + 1

    subject.update_twin(Twin(properties=TwinProperties(desired={"max": 3, "min": None})), after.etag)
    assert plain(subject.twin().properties.desired) == {"max": 3}


def test_a_stale_etag_is_refused_and_changes_nothing(subject):
    stale = subject.twin().etag
    subject.update_twin(Twin(properties=TwinProperties(desired={"x": 1})), stale)
    with pytest.raises(HttpOperationError) as refused:
        subject.update_twin(Twin(properties=TwinProperties(desired={"x": 2})), stale)
    assert refused.value.response.status_code == 412
    assert plain(subject.twin().properties.desired) == {"x": 1}


def test_a_replacement_leaves_only_what_it_says(subject):
    subject.update_twin(Twin(tags={"a": 1}, properties=TwinProperties(desired={"x": 1, "y": 1})))
    subject.replace_twin(Twin(tags={"b": 2}, properties=TwinProperties(desired={"z": 1})))
    twin = subject.twin()
    assert twin.tags == {"b": 2}
    assert plain(twin.properties.desired) == {"z": 1}


def test_a_name_that_is_not_allowed_is_refused(subject):
    with pytest.raises(HttpOperationError) as refused:
        subject.desire(**{"a.b": 1})
    assert refused.value.response.status_code == 400
